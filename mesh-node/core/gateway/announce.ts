/**
 * Announcements: units that standing claims could not place are made known, a
 * sample of them beside the number that wait, under a threshold that lets about as many nodes bid as
 * are wanted. A mesh whose claims suffice is never asked.
 */
import { bytesToHex, merkleRoot, type PackedUnit } from '#contracts'
import { ANNOUNCE_AGAIN_MS, ANNOUNCE_UNITS_MAX, WIDEN_MS } from './gateway-policy.ts'
import type { SessionRecord } from './gateway-state.ts'
import type { WaitingClass } from './waiting-class.ts'
import type { World } from './world.ts'

/** Distinct wants of one announcement (contracts/messages/announcement.ts). */
const WANTS_MAX = 64

export function announce(world: World): void {
  const isForNewcomers = world.newcomers.take(world.nowMs)
  if (world.waitingUnits === 0) return
  const due = new Map<SessionRecord, WaitingClass[]>()
  for (const waiting of world.classes.values()) {
    if (waiting.size === 0 || !(isForNewcomers || isDue(waiting, world.nowMs))) continue
    const classes = due.get(waiting.session)
    if (classes === undefined) due.set(waiting.session, [waiting])
    else if (classes.length < WANTS_MAX) classes.push(waiting)
  }
  for (const [session, classes] of due) announceClasses(world, session, classes)
}

const isDue = ({ announcedAtMs }: WaitingClass, nowMs: number): boolean =>
  announcedAtMs === null || nowMs - announcedAtMs >= ANNOUNCE_AGAIN_MS

function announceClasses(
  world: World,
  session: SessionRecord,
  classes: readonly WaitingClass[]
): void {
  const units = sampleOf(classes)
  const batch = bytesToHex(merkleRoot(units.map(({ bytes }) => bytes)))
  const threshold = world.batches.thresholdFor(world.connectedNodes)
  world.batches.announced(batch, threshold, world.nowMs)
  for (const waiting of classes) waiting.announcedAtMs = world.nowMs
  world.out.announce({
    v: 1,
    gateway: world.options.gateway,
    addresses: [],
    session: session.spec.session,
    tenant: session.spec.tenant,
    batch,
    units_count: units.length,
    wants: classes.map(({ sample, size }) => ({
      kind: sample.kind,
      model: sample.model.cid,
      units: size
    })),
    threshold,
    widen_ms: WIDEN_MS,
    announced_at_ms: world.nowMs,
    units: units.map(({ bytes }) => bytes),
    units_cid: null
  })
}

/**
 * Some units of each class, together no more than an announcement carries; one of a class that is
 * announced again: each copy goes to all neighbours, and on a slow line the next grant waits behind it.
 */
function sampleOf(classes: readonly WaitingClass[]): PackedUnit[] {
  const shareMax = Math.max(1, Math.floor(ANNOUNCE_UNITS_MAX / classes.length))
  return classes.flatMap((waiting) => {
    const share = waiting.announcedAtMs === null ? shareMax : 1
    const some: PackedUnit[] = []
    for (const unit of waiting.units()) {
      if (some.length >= share) break
      some.push(unit.packed)
    }
    return some
  })
}
