/**
 * What a screen reader says by itself: a change of phase at once, the count of units at most once
 * a minute. Progress and data are left to those who ask.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { TabView } from '../tab-contract.ts'
import { strings } from './strings.ts'

const COUNT_EVERY_MS = 60_000

export function Spoken({ view }: { readonly view: TabView }) {
  const { phase, counts } = view
  const [text, setText] = useState('')
  const said = useRef({ phase, done: counts.done, atMs: Date.now() })
  useEffect(() => {
    const nowMs = Date.now()
    if (said.current.phase !== phase) {
      said.current = { ...said.current, phase }
      setText(`${strings.phases[phase].title}.`)
    } else if (said.current.done !== counts.done && nowMs - said.current.atMs >= COUNT_EVERY_MS) {
      said.current = { phase, done: counts.done, atMs: nowMs }
      setText(strings.spoken.done(counts.done))
    }
  }, [phase, counts.done])
  return (
    <p role="status" class="spoken">
      {text}
    </p>
  )
}
