/**
 * How a unit begins: entered for a submission, reported, and put in line when what it depends on has
 * succeeded. Counts no attempts and ends nothing.
 */
import { assert, type PackedUnit } from '#contracts'
import { isUrgent } from './admission.ts'
import {
  inputBytesOf,
  type RootRecord,
  replicasOf,
  type UnitRecord,
  unplacedMicro
} from './gateway-state.ts'
import type { World } from './world.ts'

export function newUnit(world: World, root: RootRecord, packed: PackedUnit): UnitRecord {
  const { session } = root
  assert(!session.units.has(packed.id), 'a unit is run for one submission')
  const unit: UnitRecord = {
    packed,
    root,
    queuedAtMs: world.nowMs,
    inputBytes: inputBytesOf(packed.unit),
    classKey: world.classKey(session, packed.unit),
    state: 'queued',
    attempt: 0,
    failures: 0,
    losses: 0,
    releases: 0,
    wanted: 0,
    place: null,
    notBeforeMs: null,
    leases: [],
    tokens: 'none',
    tokensBefore: 0,
    avoid: [],
    hopeless: [],
    graceUntilMs: 0,
    judging: false,
    groups: [],
    canonical: null,
    lastFailure: null,
    isChecked: false,
    recheck: null
  }
  session.units.set(packed.id, unit)
  root.units.push(unit)
  session.counts.queued += 1
  session.unplacedMicro += unplacedMicro(unit)
  return unit
}

export function sayQueued(world: World, unit: UnitRecord, escalatedFrom: string | null): void {
  const { task_id, index, kind, priority } = unit.packed.unit
  const data = { task_id, index, kind, priority, escalated_from: escalatedFrom }
  world.event('workunit.queued', { unit }, data)
}

/** The unit's dependencies have succeeded: it stands in line, or waits until admission is open. */
export function makeReady(world: World, unit: UnitRecord): void {
  const { session } = unit.root
  world.move(unit, 'ready')
  const isHeldBack = session.admittedIn === 'THROTTLED' && world.admission.mode !== 'OPEN'
  if (isHeldBack && !isUrgent(unit.packed.unit.priority)) {
    session.deferred.push(unit)
    world.event('workunit.deferred', { unit }, { mode: world.admission.mode })
    return
  }
  world.wait(unit, replicasOf(unit), 'fresh')
}
