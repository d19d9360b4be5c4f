/**
 * KORA's judgement of one output, for whichever fabric ran it: is it a value, does it fit its schema,
 * is it as confident as the graph's escalation edges ask. Never looks at who made it, and fetches
 * nothing.
 */
import {
  decodeValue,
  type Issue,
  type Judge,
  type Judgement,
  jsonView,
  MeshError,
  type PackedUnit,
  type Value
} from '#contracts'
import { selectValue } from '../conductor/resolve.ts'
import type { ConfidenceRule } from '../conductor/unit-maker.ts'
import { compile } from './schema.ts'

const ACCEPTED: Judgement = { ok: true, issues: [], trigger: null }
/** Faults passed on: the first say enough, and they travel to logs. */
const ISSUES_SHOWN = 8

/** Judges for all sessions of one process; sessions tell it what confidence their units must show. */
export class SessionJudge {
  readonly #confidence = new Map<string, readonly ConfidenceRule[]>()
  readonly judge: Judge = (unit, output) => this.#judge(unit, output)

  /** Rules by unit id; to be called before the unit is submitted. */
  expect(rules: ReadonlyMap<string, readonly ConfidenceRule[]>): void {
    for (const [unit, list] of rules) this.#confidence.set(unit, list)
  }

  forget(rules: ReadonlyMap<string, readonly ConfidenceRule[]>): void {
    for (const unit of rules.keys()) this.#confidence.delete(unit)
  }

  #judge({ id, unit }: PackedUnit, output: Uint8Array): Judgement {
    let value: Value
    try {
      value = decodeValue(output)
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      return refuse('schema_mismatch', [{ path: '', rule: error.code, message: error.message }])
    }
    const faults = valueFaults(unit.output_schema, value)
    if (faults.length > 0) return refuse('schema_mismatch', faults)
    const low = (this.#confidence.get(id) ?? []).flatMap((rule) => lowConfidence(rule, value))
    return low.length > 0 ? refuse('confidence_below', low) : ACCEPTED
  }
}

/** Faults of a value against a schema, as JSON Schema and people see the value. */
export function valueFaults(
  schema: PackedUnit['unit']['output_schema'],
  value: Value
): readonly Issue[] {
  const check = compile(schema)
  if (typeof check === 'string') return [{ path: '', rule: 'schema_invalid', message: check }]
  return check(jsonView(value))
}

const refuse = (
  trigger: NonNullable<Judgement['trigger']>,
  issues: readonly Issue[]
): Judgement => ({
  ok: false,
  issues: issues.slice(0, ISSUES_SHOWN),
  trigger
})

/** A confidence that is not there or is no number cannot be shown to be high enough. */
function lowConfidence({ select, below }: ConfidenceRule, value: Value): Issue[] {
  const found = selectValue(value, select)
  if (typeof found === 'number' && found >= below) return []
  const message = typeof found === 'number' ? `${found} is below ${below}` : 'is not a number'
  return [{ path: select, rule: 'confidence_below', message }]
}
