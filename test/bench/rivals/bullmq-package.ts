/**
 * Fetches BullMQ into a folder of its own, for the one benchmark that measures it.
 *
 * It is the rival and no part of the house: who does not run that benchmark need not have it. Says why
 * where npm cannot fetch it. Only what the benchmark calls is described here.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { installRival } from './install.ts'

/** Pinned like a dependency: figures of two versions are not one table. */
const PACKAGES = ['bullmq@6.7.0', 'ioredis@6.0.0']

interface Connection {
  readonly host: string
  readonly port: number
  readonly maxRetriesPerRequest: null
}

interface JobOptions {
  readonly jobId: string
}

export interface Queue {
  add(name: string, data: unknown, opts: JobOptions): Promise<unknown>
  addBulk(
    jobs: readonly { readonly name: string; readonly data: unknown; readonly opts: JobOptions }[]
  ): Promise<unknown>
  waitUntilReady(): Promise<unknown>
  close(): Promise<void>
}

export interface QueueEvents {
  on(event: 'completed', listen: (done: { readonly jobId: string }) => void): unknown
  waitUntilReady(): Promise<unknown>
  close(): Promise<void>
}

interface Worker {
  on(event: 'error', listen: () => void): unknown
  waitUntilReady(): Promise<unknown>
}

export interface Bullmq {
  readonly Queue: new (
    name: string,
    options: {
      readonly connection: Connection
      readonly defaultJobOptions: {
        readonly removeOnComplete: boolean
        readonly removeOnFail: boolean
      }
    }
  ) => Queue
  readonly QueueEvents: new (
    name: string,
    options: { readonly connection: Connection; readonly lastEventId: string }
  ) => QueueEvents
  readonly Worker: new (
    name: string,
    work: (job: { readonly name: string }) => Promise<unknown>,
    options: { readonly connection: Connection; readonly concurrency: number }
  ) => Worker
}

/** Installs into the folder; gives the reason where that failed. */
export const installBullmq = (prefix: string): string | null => installRival(prefix, PACKAGES)

export async function loadBullmq(prefix: string): Promise<Bullmq> {
  const path = createRequire(join(prefix, 'package.json')).resolve('bullmq')
  const loaded: { default: Bullmq } = await import(pathToFileURL(path).href)
  return loaded.default
}
