/** Invariant 5: replay of a log gives the same state hash, ledger and telemetry. */
import { equal, ok } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { type EntryContent, MeshError, parseCid, parseLogId, type SessionHistory } from '#contracts'
import { ModelRegistry, replaySession, runHandler, SessionJudge, SYSTEM_CLOCK } from '#control'
import { nodeVerifier } from '#mesh-node'
import { type GatewayEffect, type GatewayInput, GatewayMachine } from '#mesh-node/core'
import { KORA_NODE } from '../../control/conductor/telemetry.ts'
import { replayFolder } from '../../control/drivers/replay-driver.ts'
import { loadSubmission } from '../../control/drivers/submission-store.ts'
import { expectNamed, expectNone } from '../support/invariants/claims.ts'
import { EVENTFUL, playRun, type RunPlan, runPlan } from '../support/invariants/random-runs.ts'
import {
  effectFaults,
  ledgerFaults,
  repacked,
  replayFaults
} from '../support/invariants/replays.ts'
import { GATEWAY } from '../support/mesh-units.ts'
import { type RealRun, type RealSession, realRun } from '../support/real-run.ts'

const verifier = nodeVerifier

/** What went into the machine in a run, and what came out of it. */
function recorded(plan: RunPlan) {
  const inputs: GatewayInput[] = []
  const { mesh } = playRun(plan, {
    inputs: (input) => {
      inputs.push(input)
      return input
    }
  })
  return { inputs, effects: mesh.effects, trusted: mesh.auditor.trusted }
}

/** The same inputs into a machine that is new. */
function again(
  { inputs, trusted }: Pick<ReturnType<typeof recorded>, 'inputs' | 'trusted'>,
  price: (maxMicro: number) => number = (maxMicro) => Math.min(10, maxMicro)
): GatewayEffect[] {
  const machine = new GatewayMachine({
    gateway: GATEWAY,
    log: parseLogId('ab'.repeat(32)),
    trusted,
    price: ({ maxMicro }) => price(maxMicro),
    tenantLeasesMax: null
  })
  return inputs.flatMap((input) => [...machine.step(input)])
}

describe('invariant 5: a replay tells the same again', function () {
  this.timeout(300_000)
  let run: RealRun
  let trials: RealSession
  before(async () => {
    run = await realRun()
    const found = run.sessions.get('trials')
    ok(found)
    trials = found
  })

  it('holds for every session of a real mesh: good, failed, cancelled, cached, and with a node lost', () => {
    for (const { replay } of run.sessions.values()) expectNone(replayFaults(replay))
    const stops = [...run.sessions.values()].map(({ document }) => document.stop_reason)
    for (const stop of ['success', 'cancelled', 'retry_exhausted'] as const)
      ok(stops.includes(stop))
  })

  it('holds again when the mesh is gone and only its folder is left', async () => {
    const { folder, ledger, blobs } = run
    for (const { session } of run.sessions.values())
      expectNone(replayFaults(await replayFolder(session, { folder, ledger, blobs })))
  })

  it('holds for the ledger: its entries fold to the digest that it had', () => {
    expectNone(ledgerFaults(run.digest, run.placed, { genesis: run.genesis, verifier }))
  })

  it('holds for the gateway machine: the same inputs give the same effects', () => {
    fc.assert(
      fc.property(runPlan, (plan) => {
        const first = recorded(plan)
        expectNone(effectFaults(first.effects, again(first)))
      }),
      { numRuns: 20 }
    )
  })

  it('is seen broken where a part of a replay differs', () => {
    const other = '00'.repeat(32)
    const { replay } = trials
    expectNamed(replayFaults({ ...replay, replay_hash: other }), /^state: 0000/)
    expectNamed(replayFaults({ ...replay, replay_ledger_digest: other }), /^ledger: 0000/)
    expectNamed(replayFaults({ ...replay, telemetry_equal: false, equal: false }), /^telemetry/)
    expectNamed(replayFaults({ ...replay, equal: false, difference: 'x' }), /^unequal: x/)
  })

  it('is seen broken where an end is missing from the telemetry, or told otherwise', async () => {
    const end = trials.events.find(
      ({ type, data }) => type === 'workunit.completed' && data['node'] !== KORA_NODE
    )
    ok(end)
    const without = await replayWith((line) => (isOf(line, end.id) ? [] : [line]))
    expectNamed(replayFaults(without), /telemetry: unit \S+: no end recorded, workunit.completed/)
    const other = await replayWith((line) => [
      isOf(line, end.id) ? line.replace('workunit.completed', 'workunit.failed') : line
    ])
    expectNamed(replayFaults(other), /workunit.failed recorded, workunit.completed replayed/)
    equal(other.equal, false)
  })

  it('is seen broken where what KORA did itself is told otherwise, in a session that succeeded', async () => {
    const good = run.sessions.get('transcribe-again')
    const end = good?.events.find(({ type }) => type === 'workunit.completed')
    ok(good && end)
    const planted = await replayWith((line) => (isOf(line, end.id) ? [] : [line]), good)
    expectNamed(replayFaults(planted), /telemetry: unit \S+: no end recorded/)
  })

  it('is seen broken where the log has another state, another end, or a unit less', async () => {
    const history = await run.ledger.history(trials.session)
    ok(history?.closed)
    expectNone(await stateFaults(history))
    const closed = { ...history.closed, stateHash: '00'.repeat(32) }
    expectNamed(await stateFaults({ ...history, closed }), /the state hashes differ/)
    const [first] = history.units.keys()
    ok(first)
    const units = new Map([...history.units].slice(1))
    expectNamed(await stateFaults({ ...history, units }), new RegExp(`${first} is not in the log`))
  })

  it('is seen broken where an entry is changed, left out, or put elsewhere', () => {
    const options = { genesis: run.genesis, verifier }
    const contents = run.record.entries
    const faultsOf = (planted: readonly EntryContent[]) =>
      ledgerFaults(run.digest, repacked(run.placed, planted), options)
    expectNone(faultsOf(contents))
    const place = contents.findIndex(({ kind }) => kind === 'units.accepted')
    const entry = contents[place]
    ok(entry)
    expectNamed(faultsOf(contents.toSpliced(place, 1)), /no fold/)
    expectNamed(faultsOf([...contents.toSpliced(place, 1), entry]), /no fold/)
    const dearer = contents.map((one): EntryContent => {
      if (one.kind !== 'model.registered') return one
      return { ...one, body: { ...one.body, base_us: one.body.base_us + 1 } }
    })
    expectNamed(faultsOf(dearer), /no fold/)
  })

  it('is seen broken in a machine that asks something beside its inputs', () => {
    const first = recorded(EVENTFUL)
    let asked = 0
    const whims = (maxMicro: number): number => Math.min(maxMicro, asked++)
    expectNone(effectFaults(first.effects, again(first)))
    expectNamed(effectFaults(first.effects, again(first, whims)), /differs/)
  })

  const isOf = (line: string, id: string): boolean => line.includes(`"id":"${id}"`)

  /** The session replayed beside other telemetry; what was there is put back. */
  async function replayWith(
    change: (line: string) => readonly string[],
    { session }: RealSession = trials
  ) {
    const { folder, ledger, blobs } = run
    const path = join(folder, 'events', `${session}.jsonl`)
    const kept = readFileSync(path, 'utf8')
    try {
      writeFileSync(path, kept.split('\n').flatMap(change).join('\n'))
      return await replayFolder(session, { folder, ledger, blobs })
    } finally {
      writeFileSync(path, kept)
    }
  }

  async function stateFaults(history: SessionHistory): Promise<string[]> {
    const summary = run.ledger.fold.session(trials.session)
    if (summary === null) throw new MeshError('session.unknown', { session: trials.session })
    const submitted = await loadSubmission(run.blobs, {
      graphCid: parseCid(summary.graphCid),
      inputsCid: parseCid(summary.inputsCid)
    })
    const report = await replaySession(
      { ...submitted, requestId: summary.requestId, history },
      {
        blobs: run.blobs,
        cache: null,
        handle: (handler, args) => runHandler(handler, args),
        models: await ModelRegistry.open(join(run.folder, 'models')),
        judge: new SessionJudge(),
        clock: SYSTEM_CLOCK
      }
    )
    return report.difference === null ? [] : [report.difference]
  }
})
