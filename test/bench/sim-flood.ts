/**
 * A flood: messages that every host of a mesh hands on to all its neighbours, over measured round trips,
 * each arrival in the trace. No protocol, so that what is measured is the kernel that orders events; the
 * same hosts, links, delays and trace for each.
 */
import { Chance } from '../../sim/kernel/chance.ts'
import { EventQueue } from '../../sim/kernel/event-queue.ts'
import { RollingTrace } from '../../sim/kernel/rolling-trace.ts'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { Places } from '../../sim/world/places.ts'
import { KIND } from '../../sim/world/virtual-time.ts'
import { ObjectHeap, type Plain } from './object-heap.ts'

/** Each host dials so many; as many dial it. */
const DIALLED = 4
/** Between the beginnings of two messages. */
const EVERY_US = 5_000

/** Tells of an arrival; `copy` says which message came from whom. */
export type Arrived = (atUs: number, host: number, copy: number) => void
export type FloodKernel = (arrived: Arrived) => {
  readonly enter: (afterUs: number, host: number, copy: number) => void
  readonly run: () => void
}

export interface FloodSize {
  readonly hosts: number
  readonly messages: number
}

export interface Flood {
  readonly events: number
  readonly wallMs: number
  readonly hash: string
}

export function flood({ hosts, messages }: FloodSize, kernel: FloodKernel): Flood {
  const neighbours = linksOf(hosts)
  const places = new Places('wondernetwork', hosts, {
    place: new Chance(1, 'flood places'),
    jitter: new Chance(1, 'flood jitter'),
    matrixOf: shippedMatrix
  })
  const trace = new RollingTrace()
  const seen = new Uint8Array(hosts * messages)
  const { enter, run } = kernel((atUs, host, copy) => {
    const message = Math.floor(copy / hosts)
    const from = copy % hosts
    trace.add(atUs, host, KIND.gossip, message)
    if (seen[message * hosts + host] === 1) return
    seen[message * hosts + host] = 1
    for (const other of neighbours[host] ?? []) {
      if (other !== from) enter(places.oneWayUs(host, other), other, message * hosts + host)
    }
  })
  const origins = new Chance(1, 'flood origins')
  const startMs = performance.now()
  for (let message = 0; message < messages; message++) {
    const origin = origins.below(hosts)
    enter(message * EVERY_US, origin, message * hosts + origin)
  }
  run()
  return { events: trace.events, wallMs: performance.now() - startMs, hash: trace.hash() }
}

function linksOf(hosts: number): readonly (readonly number[])[] {
  const chance = new Chance(1, 'flood links')
  const links = Array.from({ length: hosts }, () => new Set<number>())
  for (const [host, mine] of links.entries()) {
    for (let dialled = 0; dialled < DIALLED; dialled++) {
      const other = chance.below(hosts)
      if (other === host) continue
      mine.add(other)
      links[other]?.add(host)
    }
  }
  return links.map((mine) => [...mine])
}

/** The simulator's queue: an event is a number. */
export const typedKernel: FloodKernel = (arrived) => {
  const queue = new EventQueue<number>()
  return {
    enter: (afterUs, host, copy) => queue.push(queue.atUs + afterUs, host, KIND.gossip, copy),
    run: () => {
      while (queue.pop()) arrived(queue.atUs, queue.node, queue.payload ?? 0)
    }
  }
}

/** An object for each event, as simulators are mostly written. */
export const objectKernel: FloodKernel = (arrived) => {
  const heap = new ObjectHeap<Plain & { readonly host: number; readonly copy: number }>()
  let nowUs = 0
  let order = 0
  return {
    enter: (afterUs, host, copy) =>
      heap.push({ atUs: nowUs + afterUs, order: order++, host, copy }),
    run: () => {
      for (let event = heap.pop(); event !== undefined; event = heap.pop()) {
        nowUs = event.atUs
        arrived(nowUs, event.host, event.copy)
      }
    }
  }
}
