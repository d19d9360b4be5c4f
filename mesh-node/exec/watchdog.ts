/**
 * A thread inside each executor child. A native run blocks the child's main thread, so only another
 * thread can see that the parent is gone or that memory runs out; it then ends the whole process.
 */
import { writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { MEMORY_MARK } from './protocol.ts'

/** Fast enough that a run filling memory at 3 GB/s overshoots by less than 100 MB. */
const WATCH_EVERY_MS = 25

const parentPid: unknown = workerData
let memoryBytesMax = Number.POSITIVE_INFINITY

parentPort?.on('message', (bytesMax: unknown) => {
  if (typeof bytesMax === 'number') memoryBytesMax = bytesMax
})

setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, 'SIGKILL')
  const bytes = process.memoryUsage.rss()
  if (bytes > memoryBytesMax) {
    writeSync(2, `${MEMORY_MARK} ${bytes}\n`)
    process.kill(process.pid, 'SIGKILL')
  }
}, WATCH_EVERY_MS)
