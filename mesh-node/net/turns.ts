/**
 * The end of this turn of the event loop, in Node and in a page: what is planned there comes after
 * what runs now, and before what the network brings next. Holds no state and decides nothing.
 */

/** Something planned that may still be called off. */
export interface Planned {
  cancel(): void
}

/**
 * For long work on a page's thread: asked between its steps, gives a promise to wait for once a slice
 * of the thread is used up, and null before.
 */
export function slices(sliceMs: number): () => Promise<void> | null {
  let begunMs = performance.now()
  return () => {
    if (performance.now() - begunMs < sliceMs) return null
    return new Promise((go) => {
      atTurnEnd(() => {
        begunMs = performance.now()
        go()
      })
    })
  }
}

/** A page has no `setImmediate`, and its nested timers wait 4 ms, in the background a second. */
export function atTurnEnd(run: () => void): Planned {
  if (typeof setImmediate === 'function') {
    const planned = setImmediate(run)
    return { cancel: () => clearImmediate(planned) }
  }
  const channel = new MessageChannel()
  const cancel = () => channel.port1.close()
  channel.port1.onmessage = () => {
    cancel()
    run()
  }
  channel.port2.postMessage(null)
  return { cancel }
}
