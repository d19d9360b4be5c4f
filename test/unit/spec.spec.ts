/** The five normative documents against the code: versions locked, every table compared. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import * as contracts from '#contracts'
import { hashState } from '../../control/conductor/state-hash.ts'
import {
  documentHash,
  lockSpec,
  SPEC_DOCUMENTS,
  specTable,
  statedVersion
} from '../support/spec-lock.ts'

const folder = new URL('../../contracts/spec/', import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, folder), 'utf8')
const taskIr = read('task_ir_contract.md')
const krako = read('kora_krako_interface.md')
const stages = read('stage_taxonomy.md')
const budget = read('budget_governance_contract.md')
const replay = read('determinism_replay_contract.md')

const column = (rows: string[][], index = 0): string[] => rows.map((row) => row[index] ?? '')
const list = (cell: string | undefined): string[] =>
  cell === undefined || cell === '' ? [] : cell.split(', ')
const asLists = (rows: string[][]): Record<string, string[]> =>
  Object.fromEntries(rows.map(([name = '', cell]) => [name, list(cell)]))
const asMap = (rows: string[][]): Record<string, string> =>
  Object.fromEntries(rows.map(([name = '', value = '']) => [name, value]))

describe('normative documents', () => {
  it('are locked: the text in the tree is the text of the version in versions.json', () => {
    const locked = JSON.parse(read('versions.json'))
    for (const name of SPEC_DOCUMENTS) {
      deepEqual(
        locked[name],
        { version: statedVersion(read(name)), sha256: documentHash(read(name)) },
        name
      )
    }
    deepEqual(Object.keys(locked).sort(), [...SPEC_DOCUMENTS].sort())
  })

  it('cannot change under an old version', () => {
    const { next } = lockSpec({}, { 'a.md': 'Version 1.0.0. Normative.' })
    deepEqual(lockSpec(next, { 'a.md': 'Version 1.0.0. Normative. More.' }).faults, [
      'a.md: changed, and still says version 1.0.0'
    ])
    deepEqual(lockSpec(next, { 'a.md': 'Version 1.1.0. Normative. More.' }).faults, [])
    equal(lockSpec({}, { 'a.md': 'no version' }).faults.length, 1)
  })
})

describe('task_ir_contract.md', () => {
  it('lists the fields and types of a task as the code has them', () => {
    deepEqual(column(specTable(taskIr, 'task-fields')), Object.keys(contracts.Task.shape))
    deepEqual(column(specTable(taskIr, 'task-types')), [...contracts.TASK_TYPES])
    const needed = specTable(taskIr, 'task-fields').filter((row) => row[1] === 'yes')
    for (const name of column(needed)) {
      const issues = contracts.Task.safeParse({}).error?.issues ?? []
      ok(
        issues.some((issue) => issue.path[0] === name),
        `${name} is needed`
      )
    }
    equal(contracts.Task.safeParse({}).error?.issues.length, needed.length)
  })

  it('lists the transitions of sessions and executions', () => {
    deepEqual(asLists(specTable(taskIr, 'session-states')), contracts.SESSION_TRANSITIONS)
    deepEqual(asLists(specTable(taskIr, 'execution-states')), contracts.EXECUTION_TRANSITIONS)
  })

  it('lists stop reasons, failure classes and triggers', () => {
    deepEqual(column(specTable(taskIr, 'stop-reasons')), [...contracts.STOP_REASONS])
    deepEqual(column(specTable(taskIr, 'failure-classes')), [...contracts.FAILURE_CLASSES])
    deepEqual(column(specTable(taskIr, 'escalation-triggers')), [...contracts.ESCALATION_TRIGGERS])
  })

  it('states the limits of graphs', () => {
    const limits = new Map<string, unknown>(Object.entries(contracts))
    for (const [name = '', value] of specTable(taskIr, 'graph-limits'))
      equal(limits.get(name), Number(value), name)
  })
})

describe('kora_krako_interface.md', () => {
  it('is the mapping table of the code', () => {
    deepEqual(asMap(specTable(krako, 'kind-of-type')), contracts.KIND_OF_TYPE)
    deepEqual(asMap(specTable(krako, 'kind-of-tier')), contracts.KIND_OF_TIER)
    deepEqual(asMap(specTable(krako, 'substrate-of-kind')), contracts.SUBSTRATE_OF_KIND)
    deepEqual(column(specTable(krako, 'unit-kinds')), [...contracts.UNIT_KINDS])
  })

  it('lists verification modes, agreement levels, refusals and node states', () => {
    deepEqual(column(specTable(krako, 'verification-modes')), [...contracts.VERIFICATION_MODES])
    deepEqual(column(specTable(krako, 'agreement-levels')), [...contracts.AGREEMENT_LEVELS])
    deepEqual(column(specTable(krako, 'admission-refusals')), [...contracts.ADMISSION_REFUSALS])
    deepEqual(asLists(specTable(krako, 'node-states')), contracts.NODE_TRANSITIONS)
  })

  it('lists every message of a control link, and every question', () => {
    deepEqual(
      specTable(krako, 'control-frames').map((row) => row.slice(0, 3)),
      Object.entries(contracts.CONTROL_FRAMES).map(([kind, { byte, typ }]) => [
        kind,
        `${byte}`,
        typ
      ])
    )
    deepEqual(
      column(specTable(krako, 'control-questions')),
      contracts.ControlWant.options.map(({ shape }) => shape.t.value)
    )
  })

  it('lists every frame with its byte and typ', () => {
    const frames = Object.entries(contracts.FRAMES).map(([kind, { byte, typ }]) => [
      kind,
      String(byte),
      typ
    ])
    deepEqual(
      specTable(krako, 'frames').map((row) => row.slice(0, 3)),
      frames
    )
  })
})

describe('stage_taxonomy.md', () => {
  it('is the table of stages and events of the code', () => {
    deepEqual(asLists(specTable(stages, 'events-of-stage')), contracts.EVENTS_OF_STAGE)
  })

  it('lists every event with the data it must carry', () => {
    const rows = specTable(stages, 'event-data')
    deepEqual(column(rows), [...contracts.EVENT_TYPES])
    for (const [type, data] of Object.entries(asLists(rows))) {
      deepEqual(
        data,
        Object.entries(contracts.REQUIRED_EVENT_DATA).find(([name]) => name === type)?.[1] ?? [],
        type
      )
    }
  })
})

describe('budget_governance_contract.md', () => {
  it('lists the fields of budgets', () => {
    deepEqual(
      column(specTable(budget, 'graph-budget-fields')),
      Object.keys(contracts.GraphBudgets.shape)
    )
    deepEqual(
      column(specTable(budget, 'task-budget-fields')),
      Object.keys(contracts.TaskBudget.shape)
    )
  })

  it('states the default prices', () => {
    const micro = Object.fromEntries(
      specTable(budget, 'default-prices').map((row) => [row[0], Number(row[2])])
    )
    equal(micro['workunit_compute'], contracts.DEFAULT_PRICES.compute_micro_per_s['*'])
    equal(micro['llm_tokens'], contracts.DEFAULT_PRICES.tokens_micro_per_1000)
  })

  it('lists every kind of ledger entry', () => {
    deepEqual(column(specTable(budget, 'entry-kinds')), Object.keys(contracts.ENTRY_BODIES))
  })
})

describe('determinism_replay_contract.md', () => {
  it('lists what the state hash covers', () => {
    const cid = contracts.cidOfBytes(Uint8Array.of(1))
    const { bytes } = hashState({
      graphCid: cid,
      inputsCid: cid,
      stopReason: 'success',
      stoppedEarly: false,
      outputs: {},
      stages: [],
      units: []
    })
    const state = contracts.decodeCanonical(bytes, { bytesMax: bytes.length })
    ok(typeof state === 'object' && state !== null)
    deepEqual(column(specTable(replay, 'state-hash-members')).sort(), Object.keys(state).sort())
  })
})
