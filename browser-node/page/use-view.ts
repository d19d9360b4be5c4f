/** What the tab's node says, as the state of a component; and the time, once a second, where it is shown. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { DonateTab, TabView } from '../tab-contract.ts'

export function useView(tab: DonateTab): TabView {
  const [view, setView] = useState(() => tab.view())
  useEffect(() => {
    setView(tab.view())
    return tab.subscribe(setView)
  }, [tab])
  return view
}

const SECOND_MS = 1000

/** The value, taken anew about once in so many milliseconds: for what is dear to draw. */
export function useCalm<Value>(value: Value, ms: number): Value {
  const [shown, setShown] = useState(value)
  const latest = useRef(value)
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null)
  latest.current = value
  useEffect(() => {
    if (value === shown || timer.current !== null) return
    timer.current = setTimeout(() => {
      timer.current = null
      setShown(latest.current)
    }, ms)
  }, [value, shown, ms])
  useEffect(() => () => clearTimeout(timer.current ?? undefined), [])
  return shown
}

/** The time of day while `running`, and the last such time otherwise. */
export function useNowMs(running: boolean): number {
  const [nowMs, setNowMs] = useState(() => Date.now())
  useEffect(() => {
    if (!running) return
    setNowMs(Date.now())
    const timer = setInterval(() => setNowMs(Date.now()), SECOND_MS)
    return () => clearInterval(timer)
  }, [running])
  return nowMs
}
