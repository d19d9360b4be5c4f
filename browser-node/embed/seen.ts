/**
 * Whether a part of the page has been before its reader's eyes for a moment: whole, with nothing over
 * it, neither shrunk nor made to fade. A site that frames the page can cover it, or bring it under the
 * pointer at the last instant, so that its visitor presses what was never read. Where the browser does
 * not tell, this says so and decides nothing.
 */
import { useEffect, useState } from 'preact/hooks'

export type Seen = 'yes' | 'no' | 'unknown'

/** So long it must have been in sight: less than reading takes, more than a press that is under way. */
const SEEN_MS = 600
/** Borders and fractions of a pixel may be cut. */
const WHOLE = 0.98
/** The least time between two looks that the browser grants where it tracks what is covered. */
const LOOK_MS = 100

/** Fields that only some browsers have, and their types do not name. */
interface TrackingInit extends IntersectionObserverInit {
  readonly trackVisibility: boolean
  readonly delay: number
}

/** Whether the browser tells of what lies over a frame. */
const isTracked = (): boolean => 'isVisible' in IntersectionObserverEntry.prototype

export function useSeen(target: { readonly current: Element | null }): Seen {
  const [seen, setSeen] = useState<Seen>(() => (isTracked() ? 'no' : 'unknown'))
  useEffect(() => {
    const { current } = target
    return current === null || !isTracked() ? undefined : watch(current, setSeen)
  }, [target])
  return seen
}

function watch(element: Element, tell: (seen: Seen) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const init: TrackingInit = { threshold: [0, WHOLE, 1], trackVisibility: true, delay: LOOK_MS }
  const observer = new IntersectionObserver((entries) => {
    const last = entries.at(-1)
    if (last === undefined) return
    if (last.intersectionRatio >= WHOLE && Reflect.get(last, 'isVisible') === true) {
      timer ??= setTimeout(() => tell('yes'), SEEN_MS)
      return
    }
    clearTimeout(timer)
    timer = undefined
    tell('no')
  }, init)
  observer.observe(element)
  return () => {
    clearTimeout(timer)
    observer.disconnect()
  }
}
