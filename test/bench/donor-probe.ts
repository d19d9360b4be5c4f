/**
 * What can be seen of a donor's browser from outside: which of its worker threads use a processor, to
 * the microsecond, from Linux' /proc; and what the control node holds of it. Asks the page nothing.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { childrenOf } from '../support/kora-process.ts'

/** As Linux cuts the name of the threads in which Chromium runs workers, those of WASM among them. */
const WORKER_THREAD = 'DedicatedWorker'
/**
 * What the browser spends to take a worker apart, in all, some 20 ms of it 2 s after the worker was
 * ended: seen alike on a quiet machine and on one with ten times its work. A model that runs spends as
 * much in as many milliseconds.
 */
const TAKEN_APART_MS_MAX = 40
const LOOK_MS = 4
const Control = z.object({ url: z.string(), token: z.string() })
const Status = z.object({ nodes: z.array(z.object({ state: z.string(), running: z.number() })) })

/** So much of a processor was used up to then. */
interface Use {
  readonly atMs: number
  readonly ms: number
}

interface Thread {
  readonly path: string
  ns: number
}

/** Worker threads of all renderers that this process started. */
function workerThreads(): Thread[] {
  return childrenOf(process.pid)
    .flatMap((pid) => {
      if (!read(`/proc/${pid}/cmdline`).includes('--type=renderer')) return []
      return tasksOf(pid).filter((path) => read(`${path}/comm`).trim() === WORKER_THREAD)
    })
    .map((path) => ({ path, ns: busyNs(path) }))
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((task) => `/proc/${pid}/task/${task}`)
  } catch {
    return []
  }
}

/** A thread that ended uses nothing more. */
const busyNs = (path: string): number => Number(read(`${path}/schedstat`).split(' ')[0] ?? 0)

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Leases that the control node says are out at its nodes. */
export async function leasesOut(data: string): Promise<number> {
  const { url, token } = Control.parse(JSON.parse(read(join(data, 'control.json'))))
  const answer = await fetch(new URL('/v1/status', url), {
    headers: { authorization: `Bearer ${token}` }
  })
  const { nodes } = Status.parse(await answer.json())
  return nodes.reduce((sum, { running }) => sum + running, 0)
}

export interface LettingGo {
  /** From the press until the last use of a processor by a worker of the browser that runs a model. */
  readonly idleMs: number
  /** From the press until the control node held no lease of the tab. */
  readonly handedBackMs: number
}

/** Watches for so long after `press`, which tells when it pressed, in milliseconds since 1970. */
export async function watchLettingGo(
  data: string,
  { press, watchMs }: { readonly press: () => Promise<number>; readonly watchMs: number }
): Promise<LettingGo> {
  const threads = workerThreads()
  const uses: Use[] = []
  let handedBackMs: number | null = null
  let isOver = false
  const look = (): void => {
    let ms = 0
    for (const thread of threads) {
      const ns = busyNs(thread.path)
      ms += Math.max(0, ns - thread.ns) / 1e6
      thread.ns = Math.max(ns, thread.ns)
    }
    if (ms > 0) uses.push({ atMs: Date.now(), ms })
  }
  const looking = (async () => {
    while (!isOver) {
      look()
      await wait(LOOK_MS)
    }
  })()
  const pressedMs = await press()
  const endMs = pressedMs + watchMs
  while (Date.now() < endMs) {
    if (handedBackMs === null && (await leasesOut(data)) === 0) handedBackMs = Date.now()
    await wait(LOOK_MS)
  }
  isOver = true
  await looking
  return {
    idleMs: Math.max(0, lastBusy(uses) - pressedMs),
    handedBackMs: (handedBackMs ?? Number.POSITIVE_INFINITY) - pressedMs
  }
}

/** The last use of a processor after which all that follows is a worker taken apart. */
function lastBusy(uses: readonly Use[]): number {
  let after = 0
  const last = uses.findLast(({ ms }) => {
    after += ms
    return after > TAKEN_APART_MS_MAX
  })
  return last?.atMs ?? 0
}
