/** Invariant 3: no output that fails its schema is accepted. */
import { ok } from 'node:assert/strict'
import { conduct, graphOf } from '../support/conduct.ts'
import { expectNamed, expectNone, holdsInRandomRuns } from '../support/invariants/claims.ts'
import { EVENTFUL, playRun } from '../support/invariants/random-runs.ts'
import { attestedIn, logLines, type RunRecord } from '../support/invariants/run-record.ts'
import { schemaFaults } from '../support/invariants/schema.ts'
import { judgeByCid } from '../support/model-node.ts'
import { type RealRun, realRun } from '../support/real-run.ts'

describe('invariant 3: no output that fails its schema is accepted', function () {
  this.timeout(300_000)
  let run: RealRun
  let record: RunRecord
  before(async () => {
    run = await realRun()
    record = run.record
  })

  it('holds for every result that a real mesh accepted, and others were refused', () => {
    expectNone(schemaFaults(record))
    const lines = logLines(record.entries)
    ok(lines.filter(({ kind }) => kind === 'accepted').length > 20)
    ok(lines.some(({ kind, item }) => kind === 'voided' && item.fault === 'schema'))
  })

  it('holds whatever nodes do, in every mode of verification', () => {
    holdsInRandomRuns(schemaFaults)
  })

  it('holds for what handlers of KORA give', () => {
    const graph = graphOf(
      [
        {
          id: 'say',
          type: 'deterministic',
          handler: 'value.echo',
          input: { n: 'many' },
          schema: { type: 'object', properties: { n: { type: 'integer' } } }
        }
      ],
      { outputs: { said: { $task: 'say' } } }
    )
    const { conclusion } = conduct(graph)
    ok(conclusion.failure?.code === 'graph.output_invalid')
    ok(!Object.hasOwn(conclusion.outputs, 'said'))
  })

  it('is seen broken where an output that its schema refuses is accepted', () => {
    const [first] = logLines(record.entries).flatMap((line) =>
      line.kind === 'accepted' ? [attestedIn(line.item.receipt).output_cid] : []
    )
    const fits: RunRecord['fits'] = (unit, cid) => cid !== first && record.fits(unit, cid)
    expectNamed(schemaFaults({ ...record, fits }), /is accepted and fails its schema/)
    const strict: RunRecord['submissions'] = record.submissions.map((one) => ({
      ...one,
      unit: { ...one.unit, unit: { ...one.unit.unit, output_schema: { type: 'string' } } }
    }))
    expectNamed(schemaFaults({ ...record, submissions: strict }), /fails its schema/)
  })

  it('is seen broken where a success has an output that nobody verified', () => {
    const outcomes = record.outcomes.map((one) => ({ ...one, status: 'success' as const }))
    expectNamed(schemaFaults({ ...record, outcomes }), /that nobody verified/)
  })

  it('is seen broken in a machine whose judge takes everything', () => {
    const { record: planted } = playRun(EVENTFUL, {
      judge: (request) => {
        const attempts = request.candidates.map(({ attempt }) => attempt)
        const judged = judgeByCid(request)
        return {
          ...judged,
          groups: [attempts],
          judgements: judged.judgements.map(({ attempt }) => ({
            attempt,
            judgement: { ok: true, issues: [], trigger: null }
          }))
        }
      }
    })
    expectNamed(schemaFaults(planted), /is accepted and fails its schema/)
  })
})
