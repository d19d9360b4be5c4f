/** What random runs of the gateway are drawn from: units, manners of nodes, and what befalls them. */
import fc from 'fast-check'
import type { WorkUnit } from '#contracts'
import type { Manner } from './model-node.ts'

/** Honest as often as a run needs to come to something. */
export const MANNERS: readonly Manner[] = [
  'honest',
  'honest',
  'honest',
  'lie',
  'malformed',
  'fail',
  'hopeless',
  'time-out',
  'silent',
  'release',
  'duplicate',
  'copy',
  'unsure',
  'other-model',
  'greedy'
]

export interface DrawnUnit {
  readonly kind: WorkUnit['kind']
  readonly mode: WorkUnit['verification']['mode']
  readonly replicas: number
  readonly isLocal: boolean
  /** For the unit before it. */
  readonly waits: boolean
  readonly costMicro: number
  readonly edge: 'failure' | 'schema_mismatch' | 'confidence_below' | null
}

export const DRAWN_UNIT = {
  kind: fc.constantFrom('deterministic', 'small_model', 'llm'),
  mode: fc.constantFrom('none', 'schema', 'schema', 'quorum', 'recompute'),
  replicas: fc.integer({ min: 1, max: 3 }),
  isLocal: fc.boolean(),
  waits: fc.boolean(),
  costMicro: fc.integer({ min: 0, max: 60 }),
  edge: fc.constantFrom(null, 'failure', 'schema_mismatch', 'confidence_below')
} as const

/** For each node the manners that it takes in turn. */
export const drawnManners = (
  manners: readonly Manner[]
): fc.Arbitrary<readonly (readonly Manner[])[]> =>
  fc.array(fc.array(fc.constantFrom(...manners), { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 5
  })

export interface DrawnTurn {
  readonly atMs: number
  readonly node: number
  readonly what: 'vanish' | 'return' | 'return-empty' | 'cancel'
}

export const drawnTurns: fc.Arbitrary<readonly DrawnTurn[]> = fc.array(
  fc.record({
    atMs: fc.integer({ min: 0, max: 20_000 }),
    node: fc.nat({ max: 5 }),
    what: fc.constantFrom('vanish', 'return', 'return-empty', 'cancel')
  }),
  { maxLength: 6 }
)
