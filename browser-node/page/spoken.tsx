/**
 * What a screen reader says by itself: a change of phase, with the rule behind it, at once; the count
 * of units at most once a minute. Progress and data are left to those who ask.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { TabView } from '../tab-contract.ts'
import { isOnHold, standOf } from './stand.ts'
import { strings } from './strings.ts'

const COUNT_EVERY_MS = 60_000

export function Spoken({ view }: { readonly view: TabView }) {
  const { counts } = view
  const phase = spokenPhase(view)
  const [text, setText] = useState('')
  const said = useRef({ phase, done: counts.done, atMs: Date.now() })
  useEffect(() => {
    const nowMs = Date.now()
    if (said.current.phase !== phase) {
      said.current = { ...said.current, phase }
      setText(phase)
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

function spokenPhase(view: TabView): string {
  const rules = isOnHold(view) ? view.holds.map(({ rule }) => strings.holds[rule].title) : []
  return [standOf(view).title, ...rules].map((sentence) => `${sentence}.`).join(' ')
}
