/**
 * The handlers that every node has built in: deterministic units without a model. They cost
 * microseconds, so they run where they are asked for, without an executor process.
 */
import {
  assertNever,
  type Cid,
  cidOfBytes,
  encodeValue,
  type ValueMap,
  type WorkUnit
} from '#contracts'

/** `noop` gives an empty map and reads no input; `echo` gives its inputs back. */
export const BUILT_IN_HANDLERS = ['noop', 'echo'] as const
export type BuiltInHandler = (typeof BUILT_IN_HANDLERS)[number]

/** The encoded output map and its content id. */
export interface BuiltInOutput {
  readonly cid: Cid
  readonly bytes: Uint8Array
}

const outputOf = (value: ValueMap): BuiltInOutput => {
  const bytes = encodeValue(value)
  return { cid: cidOfBytes(bytes), bytes }
}
const NOTHING = outputOf({})

/** The built-in handler that the unit names, or null. */
export function builtInOf(unit: WorkUnit): BuiltInHandler | null {
  if (unit.kind !== 'deterministic' || unit.model.cid !== null) return null
  return BUILT_IN_HANDLERS.find((name) => name === unit.model.handler) ?? null
}

export const builtInReads = (handler: BuiltInHandler): boolean => handler !== 'noop'

export function runBuiltIn(handler: BuiltInHandler, inputs: ValueMap): BuiltInOutput {
  switch (handler) {
    case 'noop':
      return NOTHING
    case 'echo':
      return outputOf(inputs)
    default:
      return assertNever(handler)
  }
}
