/**
 * Verification: when results are revealed, when they are judged, and what the
 * judgements and groups mean for the unit. KORA judges and compares outputs; who is accepted,
 * refused, asked once more or escalated is decided here.
 */
import { assert, isTerminal, type Judgement } from '#contracts'
import { acceptAlone, acceptGroup } from './acceptance.ts'
import { decideChecked } from './checked-units.ts'
import { nextEdge } from './escalation.ts'
import type { JudgeCandidate, JudgedUnit } from './gateway-io.ts'
import { REVEAL_GRACE_MS } from './gateway-policy.ts'
import {
  isLive,
  isOutstanding,
  isUnjudged,
  type LeaseRecord,
  setPhase,
  type UnitRecord
} from './gateway-state.ts'
import { acceptLease, backendClass, voidLease } from './lease-life.ts'
import { decideRecheck } from './recheck-verdict.ts'
import { again, attemptFailed, giveUpUnit, majorityOf } from './retry.ts'
import type { World } from './world.ts'

type Groups = JudgedUnit['groups']

/** Asks for the results once every replica has committed: no one can copy what nobody has shown. */
export function maybeReveal(world: World, unit: UnitRecord): void {
  if (unit.wanted > 0) return
  const live = unit.leases.filter(isLive)
  if (live.some(({ phase }) => phase === 'granted')) return
  const hidden = live.filter(({ phase }) => phase === 'committed')
  for (const lease of hidden) {
    setPhase(lease, 'revealed')
    lease.revealedAtMs = world.nowMs
    world.out.reveal(lease.node.id, lease.id)
  }
  if (hidden.length < 2) return
  unit.graceUntilMs = world.nowMs + REVEAL_GRACE_MS
  world.timers.add(unit.graceUntilMs, { kind: 'reveal', unit, atMs: unit.graceUntilMs })
}

/** Asks for a judgement when there is something to judge and nothing to wait for. */
export function maybeJudge(world: World, unit: UnitRecord): void {
  const fresh = unit.leases.filter(isUnjudged)
  if (unit.judging || fresh.length === 0) return
  const { mode, replicas } = unit.packed.unit.verification
  const ready = unit.leases.filter(({ phase }) => phase === 'ok')
  if (mode === 'quorum' && unit.canonical === null) {
    const waitsFor = unit.wanted + unit.leases.filter(isOutstanding).length
    const isMajority = fresh.length + ready.length >= majorityOf(replicas)
    if (waitsFor > 0 && !isMajority) {
      for (const lease of fresh) setPhase(lease, 'held')
      return
    }
    if (waitsFor > 0 && world.nowMs < unit.graceUntilMs) return
  }
  const known = unit.canonical === null ? ready : [unit.canonical, ...ready]
  unit.judging = true
  for (const lease of fresh) setPhase(lease, 'judging')
  world.out.judge({
    session: unit.root.session.spec.session,
    unit: unit.packed,
    candidates: [...known.map((lease) => candidate(lease, true)), ...fresh.map(freshCandidate)]
  })
}

function candidate(lease: LeaseRecord, ok: boolean): JudgeCandidate {
  const { attestation, node, attempt } = lease
  assert(attestation !== null, 'only results are judged')
  const { output_cid: outputCid } = attestation
  return { attempt, node: node.id, outputCid, backendClass: backendClass(lease), ok }
}
const freshCandidate = (lease: LeaseRecord): JudgeCandidate => candidate(lease, false)

/** Units that lost an attempt: the others may be waiting for nothing any more. */
export function settleRest(world: World): void {
  for (let unit = world.unsettled.pop(); unit !== undefined; unit = world.unsettled.pop()) {
    if (isTerminal(unit.state)) {
      decideRecheck(world, unit)
      continue
    }
    maybeReveal(world, unit)
    maybeJudge(world, unit)
    const isQuiet = unit.wanted === 0 && !unit.judging && !unit.leases.some(isOutstanding)
    if (isQuiet) decide(world, unit)
  }
}

export function onJudged(
  world: World,
  { session, unit: id, judgements, groups }: JudgedUnit
): void {
  const unit = world.sessions.get(session)?.units.get(id)
  if (unit === undefined || !unit.judging) return
  unit.judging = false
  unit.groups = groups
  for (const { attempt, judgement } of judgements) {
    const lease = unit.leases.find((one) => one.attempt === attempt)
    if (lease?.phase !== 'judging') continue
    if (unit.canonical !== null && unit.recheck === null)
      settleLate(world, unit.canonical, lease, { judgement, groups })
    else if (judgement === null) outputMissing(world, lease)
    else if (isComparable(judgement)) {
      setPhase(lease, 'ok')
      lease.lowConfidence = !judgement.ok
    } else refuseSchema(world, lease, judgement)
  }
  if (unit.canonical === null && !isTerminal(unit.state)) decide(world, unit)
  else decideRecheck(world, unit)
  maybeJudge(world, unit)
}

/** Follows its schema: an answer that is only not sure enough is compared like any other. */
const isComparable = ({ ok, trigger }: Judgement): boolean => ok || trigger === 'confidence_below'

function outputMissing(world: World, lease: LeaseRecord): void {
  const code = 'blob.not_found'
  voidLease(world, lease, { reason: 'failed', fault: 'none', code, tell: 'ack' })
  attemptFailed(world, lease, { class: 'execution', code, detail: 'output not to be had' }, null)
}

function refuseSchema(world: World, lease: LeaseRecord, judgement: Judgement): void {
  const { unit } = lease
  const first = judgement.issues[0]
  const detail = first === undefined ? '' : `${first.path} ${first.message}`
  const code = 'unit.schema_mismatch'
  voidLease(world, lease, { reason: 'rejected', fault: 'schema', code, tell: 'ack' })
  const isAlone = unit.packed.unit.verification.mode === 'schema'
  const hasWayOut = isAlone && nextEdge(unit.root, 'schema_mismatch') !== null
  const trigger = hasWayOut ? 'schema_mismatch' : null
  attemptFailed(world, lease, { class: 'validation', code, detail }, trigger)
}

function decide(world: World, unit: UnitRecord): void {
  const { groups } = unit
  const ok = unit.leases.filter(({ phase }) => phase === 'ok')
  const { mode, replicas } = unit.packed.unit.verification
  const first = ok[0]
  if (first === undefined) return
  switch (mode) {
    case 'none':
      acceptAlone(world, unit, first, mode)
      return
    case 'schema':
      if (unit.isChecked && world.trust !== null) decideChecked(world, world.trust, unit, ok)
      else acceptAlone(world, unit, first, mode)
      return
    case 'quorum': {
      const agreed = groupOf(
        ok,
        groups.find((group) => group.length >= majorityOf(replicas))
      )
      if (agreed.length >= majorityOf(replicas)) acceptGroup(world, unit, agreed, 'agreed')
      else askOnceMore(world, unit)
      return
    }
    case 'recompute': {
      const decider = ok.find(({ node }) => world.trusted.has(node.id))
      if (decider === undefined) return
      acceptGroup(
        world,
        unit,
        groupOf(
          ok,
          groups.find((group) => group.includes(decider.attempt))
        ),
        'agreed'
      )
    }
  }
}

const groupOf = (ok: readonly LeaseRecord[], group: readonly number[] = []): LeaseRecord[] =>
  ok.filter(({ attempt }) => group.includes(attempt))

/** Too few agree: one more execution by another owner, while there may be one. */
function askOnceMore(world: World, unit: UnitRecord): void {
  if (unit.wanted > 0 || unit.leases.some(isOutstanding)) return
  if (unit.leases.some(isUnjudged)) return
  const { retries, verification } = unit.packed.unit
  const executed = unit.attempt - unit.losses - unit.releases
  if (executed < retries.max_attempts + verification.replicas) {
    again(world, unit, 0, 'unit.no_agreement')
    return
  }
  const detail = `${executed} executions`
  const failure = { class: 'validation', code: 'unit.no_agreement', detail } as const
  giveUpUnit(world, unit, failure, 'failure')
}

/** A result that came after the unit was settled: paid if it agrees with what stands. */
function settleLate(
  world: World,
  canonical: LeaseRecord,
  lease: LeaseRecord,
  { judgement, groups }: { readonly judgement: Judgement | null; readonly groups: Groups }
): void {
  const home = groups.find((group) => group.includes(lease.attempt))
  if (judgement === null) {
    const code = 'blob.not_found'
    voidLease(world, lease, { reason: 'redundant', fault: 'none', code, tell: 'ack' })
  } else if (!judgement.ok) {
    const code = 'unit.schema_mismatch'
    voidLease(world, lease, { reason: 'rejected', fault: 'schema', code, tell: 'ack' })
  } else if (home?.includes(canonical.attempt)) {
    acceptLease(world, lease, false)
  } else {
    const code = 'disagreed'
    voidLease(world, lease, { reason: 'rejected', fault: 'disagreed', code, tell: 'ack' })
  }
}
