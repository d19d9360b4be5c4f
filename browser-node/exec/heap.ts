/**
 * Bounds the runtime's memory: a WASM memory never shrinks, so the bound is set where it is made.
 * Must be installed before the runtime loads. Growth beyond the bound fails the run, not the tab.
 */

const PAGE_BYTES = 65_536

export class HeapBound {
  readonly #memories: WebAssembly.Memory[] = []

  /** Memories made from now on in this worker grow to `bytesMax` at most. */
  constructor(bytesMax: number) {
    const pagesMax = Math.floor(bytesMax / PAGE_BYTES)
    const keep = (memory: WebAssembly.Memory): void => {
      this.#memories.push(memory)
    }
    WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
      construct(Memory, [descriptor]: [WebAssembly.MemoryDescriptor]) {
        const maximum = Math.min(descriptor.maximum ?? pagesMax, pagesMax)
        const memory = new Memory({
          ...descriptor,
          maximum: Math.max(maximum, descriptor.initial)
        })
        keep(memory)
        return memory
      }
    })
  }

  /** The memory that the runtime made last, as it is now. */
  current(): ArrayBufferLike | undefined {
    return this.#memories.at(-1)?.buffer
  }

  bytes(): number {
    return this.#memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)
  }
}
