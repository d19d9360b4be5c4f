/**
 * A worker process of the BullMQ rival: takes jobs of one queue and answers each at once.
 *
 * Started with the folder of BullMQ, port, queue and concurrency by `bullmq.ts`; ends with its parent's channel.
 */

import { loadBullmq } from './bullmq-package.ts'

const [prefix = '', port = '', queue = '', concurrency = ''] = process.argv.slice(2)
const { Worker } = await loadBullmq(prefix)
const worker = new Worker(queue, async (job) => ({ ok: true, name: job.name }), {
  connection: { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null },
  concurrency: Number(concurrency)
})
// The server goes away with the measurement: what the worker says of it then is no news.
worker.on('error', () => undefined)
process.once('disconnect', () => process.exit(0))
await worker.waitUntilReady()
process.send?.('ready')
