/**
 * Time that never goes back, from a clock that may be set back at any moment: what machines are given.
 * Where the clock was set back, time goes on from the last moment that was read; a jump ahead is taken.
 */

/** `read` gives milliseconds since 1970, as the machine shows them. */
export function steadyTime(read: () => number): () => number {
  let aheadMs = 0
  let lastMs = Number.NEGATIVE_INFINITY
  return () => {
    const ms = read()
    if (ms + aheadMs < lastMs) aheadMs = lastMs - ms
    lastMs = ms + aheadMs
    return lastMs
  }
}
