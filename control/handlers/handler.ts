/**
 * What a deterministic handler is, and how it reads its arguments: strictly, with every key known.
 *
 * A handler is a pure function of values. It has no clock, chance, network or files, so its result
 * may be cached by the content hash of its arguments and its version.
 */
import {
  type Dtype,
  isValueList,
  isValueMap,
  MeshError,
  Tensor,
  type Value,
  type ValueMap
} from '#contracts'

/** Bounds that an operator may lower; the defaults stand in contracts/limits.ts. */
export interface HandlerContext {
  readonly audioDurationMsMax: number
  readonly imagePixelsMax: number
  readonly pageLinesMax: number
}

export interface Handler {
  /** Goes into the cache key: raise it whenever equal arguments may give another result. */
  readonly version: number
  /** One line for `kora plan`: what goes in, what comes out. */
  readonly summary: string
  readonly run: (args: Value, context: HandlerContext) => Value
}

interface NumberRange {
  readonly min: number
  readonly max: number
  readonly fallback?: number
}

/** The arguments of one call, checked key by key. Faults name the handler and the argument. */
export class Arguments {
  readonly #handler: string
  readonly #map: ValueMap

  constructor(handler: string, args: Value, keys: readonly string[]) {
    if (!isValueMap(args)) {
      throw new MeshError('handler.arguments_invalid', { handler, argument: '', expected: 'a map' })
    }
    for (const key of Object.keys(args)) {
      if (!keys.includes(key)) {
        throw new MeshError('handler.arguments_invalid', {
          handler,
          argument: key.slice(0, 80),
          expected: `one of ${keys.join(', ')}`
        })
      }
    }
    this.#handler = handler
    this.#map = args
  }

  fault(argument: string, expected: string): MeshError {
    return new MeshError('handler.arguments_invalid', {
      handler: this.#handler,
      argument,
      expected
    })
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#map, key)
  }

  value(key: string): Value {
    const value = this.has(key) ? this.#map[key] : undefined
    if (value === undefined) throw this.fault(key, 'to be present')
    return value
  }

  bytes(key: string): Uint8Array {
    const value = this.value(key)
    if (value instanceof Uint8Array) return value
    throw this.fault(key, 'bytes')
  }

  list(key: string): readonly Value[] {
    const value = this.value(key)
    if (isValueList(value)) return value
    throw this.fault(key, 'a list')
  }

  text(key: string): string {
    const value = this.value(key)
    if (typeof value === 'string') return value
    throw this.fault(key, 'text')
  }

  number(key: string, range: NumberRange): number {
    const value = this.has(key) ? this.value(key) : range.fallback
    if (typeof value === 'number' && value >= range.min && value <= range.max) return value
    throw this.fault(key, `a number from ${range.min} to ${range.max}`)
  }

  integer(key: string, range: NumberRange): number {
    const value = this.number(key, range)
    if (Number.isInteger(value)) return value
    throw this.fault(key, `an integer from ${range.min} to ${range.max}`)
  }

  tensor(key: string, dtype?: Dtype): Tensor {
    return this.asTensor(key, this.value(key), dtype)
  }

  /** Samples are float32 of shape [n] or [1, n]; the caller gets the plain numbers. */
  samples(key: string): Float32Array {
    const tensor = this.tensor(key, 'float32')
    const [first, second] = tensor.shape
    const isLine = tensor.shape.length === 1 || (tensor.shape.length === 2 && first === 1)
    if (!isLine || (second ?? first) === 0) throw this.fault(key, 'a float32 tensor [1, samples]')
    return float32Of(tensor)
  }

  asTensor(key: string, value: Value, dtype?: Dtype): Tensor {
    if (value instanceof Tensor && (dtype === undefined || value.dtype === dtype)) return value
    throw this.fault(key, dtype === undefined ? 'a tensor' : `a tensor of ${dtype}`)
  }
}

/** The elements of a float32 tensor; copied only where the bytes lie unaligned. */
export function float32Of(tensor: Tensor): Float32Array {
  const { data } = tensor
  if (data.byteOffset % 4 === 0) {
    return new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4)
  }
  return new Float32Array(data.slice().buffer)
}

/** A float32 tensor of shape [1, n] over the samples given; shares their memory. */
export function samplesTensor(samples: Float32Array): Tensor {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength)
  return new Tensor('float32', [1, samples.length], bytes)
}
