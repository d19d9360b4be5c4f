/**
 * A worker process of the BullMQ rival: takes jobs of one queue and answers each at once.
 *
 * Started with port, queue and concurrency by `bullmq.ts`; ends with its parent's channel.
 */

import { Worker } from 'bullmq'

const [port = '', queue = '', concurrency = ''] = process.argv.slice(2)
const worker = new Worker(queue, async (job) => ({ ok: true, name: job.name }), {
  connection: { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null },
  concurrency: Number(concurrency)
})
// The server goes away with the measurement: what the worker says of it then is no news.
worker.on('error', () => undefined)
process.once('disconnect', () => process.exit(0))
await worker.waitUntilReady()
process.send?.('ready')
