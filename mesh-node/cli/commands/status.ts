/** `krako-node status`, `pause` and `resume`: ask the node that runs on this data folder. */
import { z } from 'zod'
import { readShape } from '#contracts'
import { askControl } from '../control-socket.ts'
import type { CommandContext, Io } from '../run-program.ts'

export interface StatusFlags {
  readonly data: string
  readonly json: boolean
}

export interface WatchFlags extends StatusFlags {
  readonly watch: boolean
}

/** Often enough to see units go by, and no load. */
const WATCH_MS = 1_000

const Lines = z.strictObject({ lines: z.array(z.string()) })

export async function status(flags: WatchFlags, { io, signal }: CommandContext): Promise<void> {
  for (;;) {
    await show(flags, io)
    if (!flags.watch || signal.aborted) return
    await pauseFor(WATCH_MS, signal)
    if (signal.aborted) return
    if (!flags.json) io.out('')
  }
}

export async function setPaused(
  paused: boolean,
  flags: StatusFlags,
  { io }: CommandContext
): Promise<void> {
  const document = await askControl(flags.data, 'POST', paused ? '/pause' : '/resume')
  if (flags.json) io.out(JSON.stringify(document))
  else io.out(paused ? 'paused: unfinished work is handed back' : 'resumed')
}

async function show({ data, json }: StatusFlags, io: Io): Promise<void> {
  if (json) {
    io.out(JSON.stringify(await askControl(data, 'GET', '/status')))
    return
  }
  const answer = await askControl(data, 'GET', '/status/lines')
  const { lines } = readShape(Lines, answer, 'node.not_running')
  for (const line of lines) io.out(line)
}

function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        done()
      },
      { once: true }
    )
  })
}
