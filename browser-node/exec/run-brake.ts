/**
 * Ends a call of the runtime that is under way from the page's thread. Chromium lets a worker that it
 * is to end go on for 2 s while it is in one call; the runtime looks at a flag between two operators
 * of a model. This finds where the flag of each run lies in the runtime's memory, which is shared where
 * the page is isolated, and tells the page, which sets it. Where it is not found, the 2 s stand.
 *
 * Must be installed before the runtime loads. Sets no flag itself.
 */

/** As the verbosity of a run's log, which nothing is written to: marks the call that makes its options. */
export const RUN_MARK = 0x4b4f52
const CREATE_ARGUMENTS = 4
const [VERBOSITY, TERMINATE] = [1, 2]
/** The options are a struct of some dozen fields; the flag is among the first. */
const STRUCT_BYTES = 64
const WORD_BYTES = 4

type Call = (...given: number[]) => number

/** Shared with the page: where the flag of the run under way lies; 0: nothing runs. */
export type BrakeCell = Int32Array<SharedArrayBuffer>

export interface RunBrakeParts {
  readonly cell: BrakeCell
  /** The runtime's memory, as it is now. */
  readonly heap: () => ArrayBufferLike | undefined
  /** The page needs this one to reach all of it. */
  readonly moved: (heap: SharedArrayBuffer) => void
}

export class RunBrake {
  readonly #parts: RunBrakeParts
  #offset: number | null | undefined
  #shown: SharedArrayBuffer | undefined

  constructor(parts: RunBrakeParts) {
    this.#parts = parts
    WebAssembly.instantiate = this.#watching(WebAssembly.instantiate)
    WebAssembly.instantiateStreaming = this.#watching(WebAssembly.instantiateStreaming)
  }

  #watching<Make extends (...given: never[]) => Promise<object>>(original: Make): Make {
    return new Proxy(original, {
      apply: async (make, self, given) => {
        const result: unknown = await Reflect.apply(make, self, given)
        if (!isInstantiated(result)) return result
        const { module, instance } = result
        return { module, instance: { exports: this.#watched(instance.exports) } }
      }
    })
  }

  /** The run is over: what lies there may be anything from now on. */
  release(): void {
    Atomics.store(this.#parts.cell, 0, 0)
  }

  #watched(exports: WebAssembly.Exports): WebAssembly.Exports {
    const watched: WebAssembly.Exports = {}
    for (const [name, value] of Object.entries(exports)) {
      watched[name] = isCandidate(value)
        ? (...given: number[]) => this.#called(value, given)
        : value
    }
    return watched
  }

  #called(call: Call, given: number[]): number {
    const made = call(...given)
    if (given[VERBOSITY] === RUN_MARK && made !== 0) this.#made(made, call, given)
    return made
  }

  #made(options: number, call: Call, given: readonly number[]): void {
    const { cell, heap, moved } = this.#parts
    if (this.#offset === undefined) {
      const other = call(...given.with(TERMINATE, 1))
      this.#offset = flagBetween(heap(), options, other)
    }
    const memory = heap()
    if (this.#offset === null || !(memory instanceof SharedArrayBuffer)) return
    if (memory !== this.#shown) {
      this.#shown = memory
      moved(memory)
    }
    Atomics.store(cell, 0, options + this.#offset)
  }
}

const isCandidate = (value: unknown): value is Call =>
  typeof value === 'function' && value.length === CREATE_ARGUMENTS

/** What comes of bytes; a module that was compiled before gives an instance alone. */
const isInstantiated = (value: unknown): value is WebAssembly.WebAssemblyInstantiatedSource =>
  typeof value === 'object' && value !== null && 'instance' in value && 'module' in value

/**
 * Where the flag lies: the one word that differs by 1 alone between options that let a run go on and
 * options that end it. Their pointers differ too, by more. Null where it is not one word.
 */
function flagBetween(
  heap: ArrayBufferLike | undefined,
  goingOn: number,
  ending: number
): number | null {
  if (heap === undefined || ending === 0) return null
  const view = new DataView(heap)
  const found: number[] = []
  for (let at = 0; at < STRUCT_BYTES; at += WORD_BYTES) {
    const plain = view.getUint32(goingOn + at, true)
    if (plain % 2 === 0 && view.getUint32(ending + at, true) === plain + 1) found.push(at)
  }
  const [offset] = found
  return found.length === 1 && offset !== undefined ? offset : null
}

/** On the page's side: a run that is in a call of the runtime ends with its next operator. */
export function pullBrake(cell: BrakeCell, heap: SharedArrayBuffer | undefined): void {
  const at = Atomics.load(cell, 0)
  if (at > 0 && heap !== undefined && at < heap.byteLength) new Uint8Array(heap)[at] = 1
}

/** Null where pages share no memory: those that are not isolated. */
export const openBrake = (): BrakeCell | null =>
  globalThis.crossOriginIsolated === true ? new Int32Array(new SharedArrayBuffer(4)) : null
