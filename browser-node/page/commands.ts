/**
 * The owner's commands as the page's controls call them: each reports its failure as one sentence
 * instead of throwing into the view. It decides nothing about work; the tab's node does.
 */
import { useCallback, useMemo, useState } from 'preact/hooks'
import { MeshError, type UnitId } from '#contracts'
import type { DonateTab, HoldRule, TabLimits } from '../tab-contract.ts'
import { saveFile } from './save-file.ts'

export interface Commands {
  readonly start: () => void
  readonly pause: () => void
  readonly finishThenPause: () => void
  readonly override: (rule: HoldRule) => void
  readonly setLimits: (change: Partial<TabLimits>) => void
  readonly saveReceipt: (unit: UnitId) => void
}

/** Gives the commands and what the last one failed with, empty where it did not. */
export function useCommands(tab: DonateTab): { commands: Commands; fault: string } {
  const [fault, setFault] = useState('')
  const tried = useCallback((act: () => Promise<void> | void): void => {
    setFault('')
    const run = async (): Promise<void> => act()
    run().catch((error: unknown) => setFault(sentenceOf(error)))
  }, [])
  const commands = useMemo<Commands>(
    () => ({
      start: () => tried(() => tab.start()),
      pause: () => tried(() => tab.pause()),
      finishThenPause: () => tried(() => tab.finishThenPause()),
      override: (rule) => tried(() => tab.override(rule)),
      setLimits: (change) => tried(() => tab.setLimits(change)),
      saveReceipt: (unit) =>
        tried(async () => saveFile(`receipt-${unit.slice(0, 16)}.cbor`, await tab.receipt(unit)))
    }),
    [tab, tried]
  )
  return { commands, fault }
}

function sentenceOf(error: unknown): string {
  if (error instanceof MeshError) return error.hint
  return error instanceof Error ? error.message : String(error)
}
