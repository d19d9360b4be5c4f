/** Minutes of work as a plot, and the same figures as a table for those who read or hear them. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { HistoryPoint, TabView } from '../tab-contract.ts'
import { Card, Empty } from './card.tsx'
import { bytes, count, credits, timeOfDay } from './format.ts'
import { openPlot, type Plot, type PlotLine } from './plot.ts'
import { strings } from './strings.ts'
import { useCalm } from './use-view.ts'

const KINDS = ['units', 'credit', 'data'] as const
type Kind = (typeof KINDS)[number]

const words = strings.history
const MICRO_PER_CREDIT = 1_000_000
const BYTES_PER_MIB = 2 ** 20
/** An hour is what one reads in a table; the plot shows all. */
const TABLE_MINUTES_MAX = 60
/** A minute's point grows this seldom: a canvas is drawn whole. */
const DRAWN_MS = 2_000

const LINES: Readonly<Record<Kind, readonly PlotLine[]>> = {
  units: [{ label: words.units, colour: '--accent' }],
  credit: [{ label: words.credit, colour: '--accent' }],
  data: [
    { label: words.down, colour: '--accent' },
    { label: words.up, colour: '--second' }
  ]
}

export function History({ view: { history } }: { readonly view: TabView }) {
  const [kind, setKind] = useState<Kind>('units')
  const points = useCalm(history, DRAWN_MS)
  return useMemo(
    () => (
      <Card id="history" title={words.title}>
        {isBlank(points) ? (
          <Empty>{words.empty}</Empty>
        ) : (
          <>
            <Choice kind={kind} set={setKind} />
            <Drawn kind={kind} points={points} />
            <Table points={points.slice(-TABLE_MINUTES_MAX)} />
          </>
        )}
      </Card>
    ),
    [kind, points]
  )
}

/** One point makes no line, and minutes without work make none that says anything. */
const isBlank = (points: readonly HistoryPoint[]): boolean =>
  points.length < 2 || points.every(({ units, downBytes }) => units === 0 && downBytes === 0)

interface ChoiceProps {
  readonly kind: Kind
  readonly set: (kind: Kind) => void
}

function Choice({ kind, set }: ChoiceProps) {
  return (
    <fieldset class="choice">
      <legend class="spoken">{words.series}</legend>
      {KINDS.map((one) => (
        <label key={one}>
          <input type="radio" name="history" checked={one === kind} onChange={() => set(one)} />
          <span>{words[one]}</span>
        </label>
      ))}
    </fieldset>
  )
}

interface DrawnProps {
  readonly kind: Kind
  readonly points: readonly HistoryPoint[]
}

function Drawn({ kind, points }: DrawnProps) {
  const host = useRef<HTMLDivElement>(null)
  const [plot, setPlot] = useState<Plot | null>(null)
  useEffect(() => {
    if (host.current === null) return
    let open = true
    let made: Plot | undefined
    openPlot(host.current, LINES[kind])
      .then((one) => {
        made = one
        if (open) setPlot(one)
        else one.close()
      })
      // without the plot there is still the table
      .catch(() => undefined)
    return () => {
      open = false
      setPlot(null)
      made?.close()
    }
  }, [kind])
  useEffect(() => plot?.set(columnsOf(kind, points)), [plot, kind, points])
  const last = points.at(-1)
  return (
    <div
      ref={host}
      class="plot"
      role="img"
      aria-label={words.plot(
        words[kind],
        points.length,
        last === undefined ? '0' : said(kind, last)
      )}
    />
  )
}

function columnsOf(kind: Kind, points: readonly HistoryPoint[]): readonly (readonly number[])[] {
  const column = (of: (point: HistoryPoint) => number): readonly number[] => points.map(of)
  const at = column(({ atMs }) => atMs / 1000)
  switch (kind) {
    case 'units':
      return [at, column(({ units }) => units)]
    case 'credit':
      return [at, column(({ creditMicro }) => creditMicro / MICRO_PER_CREDIT)]
    case 'data':
      return [
        at,
        column(({ downBytes }) => downBytes / BYTES_PER_MIB),
        column(({ upBytes }) => upBytes / BYTES_PER_MIB)
      ]
  }
}

function said(kind: Kind, point: HistoryPoint): string {
  switch (kind) {
    case 'units':
      return count(point.units)
    case 'credit':
      return credits(point.creditMicro)
    case 'data':
      return `${bytes(point.downBytes)} ${words.downColumn}`
  }
}

function Table({ points }: { readonly points: readonly HistoryPoint[] }) {
  return (
    <details class="plain">
      <summary>{words.table}</summary>
      <table class="lines">
        <thead>
          <tr>
            <th scope="col">{words.time}</th>
            <th scope="col" class="right">
              {words.unitsColumn}
            </th>
            <th scope="col" class="right">
              {words.creditColumn}
            </th>
            <th scope="col" class="right">
              {words.downColumn}
            </th>
            <th scope="col" class="right">
              {words.upColumn}
            </th>
          </tr>
        </thead>
        <tbody>
          {points.toReversed().map((point) => (
            <tr key={point.atMs}>
              <th scope="row">{timeOfDay(point.atMs)}</th>
              <td class="right number">{count(point.units)}</td>
              <td class="right number">{credits(point.creditMicro)}</td>
              <td class="right number">{bytes(point.downBytes)}</td>
              <td class="right number">{bytes(point.upBytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  )
}
