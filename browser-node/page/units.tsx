/** The finished units, newest first, each with all that is known of it and its signed receipt. */
import { useEffect, useRef } from 'preact/hooks'
import type { UnitId } from '#contracts'
import type { TabView, UnitLine } from '../tab-contract.ts'
import { Card, Chip, Empty, Fact } from './card.tsx'
import type { Commands } from './commands.ts'
import { credits, dateAndTime, duration, shortId } from './format.ts'
import { MoreButton, useMore } from './more.tsx'
import { reasonText, strings } from './strings.ts'

export const TONES: Readonly<Record<UnitLine['state'], 'good' | 'wait' | 'bad' | 'plain'>> = {
  in_verification: 'plain',
  escrow: 'wait',
  cleared: 'good',
  rejected: 'bad',
  lost: 'bad'
}

interface UnitsProps {
  readonly view: TabView
  readonly commands: Commands
  /** The unit to open and go to; a new object each time it is asked for. */
  readonly asked: { readonly unit: UnitId } | null
}

const UNITS_FIRST = 8

export function Units({ view, commands, asked }: UnitsProps) {
  const { shown, showAll, hidden } = useMore(view.lines, UNITS_FIRST)
  const list = useRef<HTMLUListElement>(null)
  useEffect(() => {
    if (asked === null) return
    showAll()
    // drawn with the next frame, when the whole list is there
    const frame = requestAnimationFrame(() => openUnit(list.current, asked.unit))
    return () => cancelAnimationFrame(frame)
  }, [asked])
  return (
    <Card id="units" title={strings.units.title}>
      {view.lines.length === 0 ? <Empty>{strings.units.empty}</Empty> : null}
      <ul class="units" ref={list}>
        {shown.map((line) => (
          <li key={line.lease}>
            <Unit line={line} commands={commands} />
          </li>
        ))}
      </ul>
      <MoreButton text={strings.units.more} hidden={hidden} showAll={showAll} />
    </Card>
  )
}

function openUnit(list: HTMLUListElement | null, unit: UnitId): void {
  for (const details of list?.querySelectorAll('details') ?? []) {
    if (details.dataset['unit'] !== unit) continue
    details.open = true
    details.scrollIntoView({ block: 'center' })
    details.querySelector('summary')?.focus({ preventScroll: true })
    return
  }
}

interface UnitProps {
  readonly line: UnitLine
  readonly commands: Commands
}

function Unit({ line, commands }: UnitProps) {
  const words = strings.units
  return (
    <details data-unit={line.unit}>
      <summary>
        <span class="unit-task">{line.task}</span>
        <span class="mono soft">{shortId(line.unit)}</span>
        <Chip tone={TONES[line.state]}>{strings.unitStates[line.state]}</Chip>
        <span class="number">{line.creditMicro === 0 ? '–' : credits(line.creditMicro)}</span>
      </summary>
      <dl class="facts">
        {line.reason === '' ? null : <Fact name={words.reason}>{reasonText(line.reason)}</Fact>}
        <Fact name={words.model}>{line.model ?? strings.now.noModel}</Fact>
        <Fact name={words.ended}>{dateAndTime(line.endedMs)}</Fact>
        <Fact name={words.took}>{duration(line.ranMs)}</Fact>
        <Fact name={words.id}>
          <span class="mono whole">{line.unit}</span>
        </Fact>
        <Fact name={words.lease}>
          <span class="mono whole">{line.lease}</span>
        </Fact>
      </dl>
      {line.hasReceipt ? (
        <button type="button" class="small" onClick={() => commands.saveReceipt(line.unit)}>
          {words.receipt}
        </button>
      ) : (
        <p class="note">{words.noReceipt}</p>
      )}
    </details>
  )
}
