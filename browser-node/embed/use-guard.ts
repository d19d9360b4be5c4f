/**
 * What stands between a press in the frame and the start of work: the button must have been seen, and
 * where the browser cannot tell, a second press must confirm the first. Pausing is never guarded.
 */
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { Commands } from '../page/commands.ts'
import { strings } from '../page/strings.ts'
import type { HoldRule } from '../tab-contract.ts'
import { type Seen, useSeen } from './seen.ts'

/** What waits for its confirmation. */
type Asked = { readonly start: true } | { readonly rule: HoldRule }

interface Guard {
  readonly commands: Commands
  readonly seen: Seen
  /** Why the last press did nothing; empty where it did. */
  readonly notice: string
  /** What a second press would do; null where none is asked for. */
  readonly asked: Asked | null
  readonly confirm: () => void
}

/** A second press sooner than this belongs to the first. */
const CONFIRM_MS_MIN = 600

/** `shown`: what must have been seen, with the button in it. */
export function useGuard(commands: Commands, shown: { readonly current: Element | null }): Guard {
  const seen = useSeen(shown)
  const [notice, setNotice] = useState('')
  const [asked, setAsked] = useState<{ readonly what: Asked; readonly atMs: number } | null>(null)
  useEffect(() => setNotice(''), [seen])
  return useMemo(() => {
    const act = (what: Asked): void => {
      if ('start' in what) commands.start()
      else commands.override(what.rule)
    }
    const press = (what: Asked): void => {
      setNotice(seen === 'no' ? strings.widget.unseen : '')
      if (seen === 'yes') act(what)
      else if (seen === 'unknown') setAsked({ what, atMs: performance.now() })
    }
    const confirm = (): void => {
      if (asked === null || performance.now() - asked.atMs < CONFIRM_MS_MIN) return
      setAsked(null)
      act(asked.what)
    }
    const guarded: Commands = {
      ...commands,
      start: () => press({ start: true }),
      override: (rule) => press({ rule }),
      pause: () => {
        setAsked(null)
        commands.pause()
      }
    }
    return { commands: guarded, seen, notice, asked: asked?.what ?? null, confirm }
  }, [commands, seen, notice, asked])
}
