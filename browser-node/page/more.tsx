/** The first few of a list and a button for the rest: a long list must not bury what comes after. */
import { useState } from 'preact/hooks'

interface More<Item> {
  readonly shown: readonly Item[]
  readonly showAll: () => void
  /** How many are not shown. */
  readonly hidden: number
}

export function useMore<Item>(items: readonly Item[], first: number): More<Item> {
  const [all, setAll] = useState(false)
  const shown = all ? items : items.slice(0, first)
  return { shown, showAll: () => setAll(true), hidden: items.length - shown.length }
}

interface MoreButtonProps {
  readonly hidden: number
  readonly text: (hidden: number) => string
  readonly showAll: () => void
}

export function MoreButton({ hidden, text, showAll }: MoreButtonProps) {
  if (hidden === 0) return null
  return (
    <button type="button" class="quiet" onClick={showAll}>
      {text(hidden)}
    </button>
  )
}
