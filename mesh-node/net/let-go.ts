/**
 * Timers that do not keep a process alive. In Node a timer is an object that can be let go; a page's
 * timer is a number, and a page lives without being kept.
 */
export type Timer = ReturnType<typeof setTimeout>

export function letGo(timer: Timer | number): void {
  if (typeof timer === 'object') timer.unref()
}
