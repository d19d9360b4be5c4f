/**
 * Putting values in the place of references, and the bytes by which a value travels. Throws
 * `graph.reference_unresolved` where a pointer leads nowhere; decides nothing else.
 */
import {
  type Cid,
  cidOfBytes,
  encodeValue,
  findReferences,
  isValueList,
  isValueMap,
  MeshError,
  type Reference,
  readReference,
  Tensor,
  type UnitInput,
  type Value,
  type ValueMap
} from '#contracts'

/** Where values come from. undefined: there is none. */
export interface Sources {
  readonly input: (name: string) => Value | undefined
  readonly task: (id: string) => Value | undefined
  readonly item?: Value
}

/** The value at a JSON pointer (RFC 6901), or undefined. */
export function selectValue(value: Value, pointer: string): Value | undefined {
  let at: Value = value
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    let inner: Value | undefined
    if (isValueList(at)) inner = /^(0|[1-9]\d{0,8})$/.test(key) ? at[Number(key)] : undefined
    else if (isValueMap(at)) inner = Object.hasOwn(at, key) ? at[key] : undefined
    if (inner === undefined) return undefined
    at = inner
  }
  return at
}

export function resolveReference(reference: Reference, sources: Sources): Value {
  let name: string
  let whole: Value | undefined
  if ('$input' in reference) {
    name = `$input ${reference.$input}`
    whole = sources.input(reference.$input)
  } else if ('$task' in reference) {
    name = `$task ${reference.$task}`
    whole = sources.task(reference.$task)
  } else {
    name = '$item'
    whole = sources.item
  }
  const select = reference.select ?? ''
  const value = whole === undefined ? undefined : selectValue(whole, select)
  if (value === undefined)
    throw new MeshError('graph.reference_unresolved', { reference: name, select })
  return value
}

/** The value with every reference replaced. Graph values are at most VALUE_DEPTH_MAX deep. */
function resolveValue(value: Value, sources: Sources): Value {
  if (isValueList(value)) return value.map((inner) => resolveValue(inner, sources))
  if (!isValueMap(value)) return value
  const reference = readReference(value)
  if (reference !== undefined && reference !== null) return resolveReference(reference, sources)
  const entries = Object.entries(value)
  return Object.fromEntries(entries.map(([key, inner]) => [key, resolveValue(inner, sources)]))
}

const readsItem = (value: Value): boolean =>
  findReferences(value, '').some(({ reference }) => reference !== null && '$item' in reference)

/** A task's input for every item of its fan-out: what does not depend on the item is resolved once. */
export class InputTemplate {
  readonly #fixed: ReadonlyMap<string, Value>
  readonly #perItem: readonly (readonly [string, Value])[]
  readonly #sources: Sources

  constructor(input: ValueMap, sources: Sources) {
    const entries = Object.entries(input)
    this.#sources = sources
    this.#perItem = entries.filter(([, value]) => readsItem(value))
    const perItem = new Set(this.#perItem.map(([name]) => name))
    this.#fixed = new Map(
      entries.flatMap(([name, value]) =>
        perItem.has(name) ? [] : [[name, resolveValue(value, sources)] as const]
      )
    )
  }

  /** Named values that are the same for every item: equal objects, so they are hashed once. */
  get fixed(): ReadonlyMap<string, Value> {
    return this.#fixed
  }

  itemValues(item: Value): (readonly [string, Value])[] {
    const sources = { ...this.#sources, item }
    return this.#perItem.map(([name, value]) => [name, resolveValue(value, sources)] as const)
  }

  /** All arguments of one item, as a handler takes them. */
  arguments(item: Value): ValueMap {
    return Object.fromEntries([...this.#fixed, ...this.itemValues(item)])
  }
}

/** The items of a fan-out: one by one, or lists of at most `chunk`. */
export function itemsOf(over: Value, chunk: number): readonly Value[] {
  if (!isValueList(over)) throw new MeshError('graph.fanout_not_list', { type: typeof over })
  if (chunk === 1) return over
  const chunks: Value[] = []
  for (let start = 0; start < over.length; start += chunk)
    chunks.push(over.slice(start, start + chunk))
  return chunks
}

/** A named input of a unit, and the blob that it names. */
export interface BlobInput {
  readonly input: UnitInput
  readonly bytes: Uint8Array
}

/** Tensors travel as their raw bytes, with dtype and shape beside the id; all else as encoded values. */
export function blobInput(name: string, value: Value): BlobInput {
  if (value instanceof Tensor) {
    const { dtype, shape, data } = value
    return { input: { name, cid: cidOfBytes(data), dtype, shape: [...shape] }, bytes: data }
  }
  const bytes = encodeValue(value)
  return { input: { name, cid: cidOfBytes(bytes), dtype: 'value', shape: [bytes.length] }, bytes }
}

/** The id of a value's canonical bytes. */
export const cidOfValue = (value: Value): Cid => cidOfBytes(encodeValue(value))
