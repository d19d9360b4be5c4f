/**
 * The end of this turn of the event loop, in Node and in a page: what is planned there comes after
 * what runs now, and before what the network brings next. Holds no state and decides nothing.
 */

/** Something planned that may still be called off. */
export interface Planned {
  cancel(): void
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
