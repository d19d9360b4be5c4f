/**
 * The drill `forge-outputs`: a node that lies on purpose, so that operators can see their mesh catch
 * it. It changes what models gave before the node attests to it. Nothing else in the node is false.
 */
import { isValueList, isValueMap, Tensor, type Value, type ValueMap } from '#contracts'

export const DRILLS = ['forge-outputs'] as const
export type Drill = (typeof DRILLS)[number]

/** Other text and other numbers in the same shape, so that a schema alone does not see it. */
export function forgeOutputs(outputs: ValueMap): ValueMap {
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, forge(value)]))
}

function forge(value: Value): Value {
  if (typeof value === 'string') return value === '' ? 'forged' : `${value} (forged)`
  if (typeof value === 'number') return forgeNumber(value)
  if (typeof value === 'boolean') return !value
  if (value instanceof Uint8Array) return invert(value)
  if (value instanceof Tensor) return new Tensor(value.dtype, value.shape, forgeData(value))
  if (isValueList(value)) return value.map(forge)
  if (isValueMap(value)) return forgeOutputs(value)
  return value
}

/** Stays in [0, 1] where it was there, and goes beyond any tolerance elsewhere. */
function forgeNumber(value: number): number {
  if (value >= 0 && value <= 1) return 1 - value === value ? value / 2 : 1 - value
  return 2 * value + 10
}

/** One bit of every second byte: other numbers in every element, and still 0 or 1 in a bool. */
function forgeData({ dtype, data }: Tensor): Uint8Array {
  if (dtype === 'string') return data
  const forged = data.slice()
  for (let at = 0; at < forged.length; at++) forged[at] = (forged[at] ?? 0) ^ (at % 2)
  return forged
}

const invert = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff)
