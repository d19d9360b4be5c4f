/**
 * The handlers that every node has built in: deterministic units without a model. They cost
 * microseconds, so they run where they are asked for, without an executor process.
 */
import { assertNever, encodeValue, type ValueMap, type WorkUnit } from '#contracts'

/** `noop` gives an empty map and reads no input; `echo` gives its inputs back. */
export const BUILT_IN_HANDLERS = ['noop', 'echo'] as const
export type BuiltInHandler = (typeof BUILT_IN_HANDLERS)[number]

const NOTHING = encodeValue({})

/** The built-in handler that the unit names, or null. */
export function builtInOf(unit: WorkUnit): BuiltInHandler | null {
  if (unit.kind !== 'deterministic' || unit.model.cid !== null) return null
  return BUILT_IN_HANDLERS.find((name) => name === unit.model.handler) ?? null
}

export const builtInReads = (handler: BuiltInHandler): boolean => handler !== 'noop'

/** The encoded output map. */
export function runBuiltIn(handler: BuiltInHandler, inputs: ValueMap): Uint8Array {
  switch (handler) {
    case 'noop':
      return NOTHING
    case 'echo':
      return encodeValue(inputs)
    default:
      return assertNever(handler)
  }
}
