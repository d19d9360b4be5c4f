/** The counts since the node was made: units, rate, data. */
import type { ComponentChildren } from 'preact'
import type { TabView } from '../tab-contract.ts'
import { Card } from './card.tsx'
import { bytes, count, mebibytes, rate } from './format.ts'
import { strings } from './strings.ts'

export function Tally({ view }: { readonly view: TabView }) {
  const { counts, unitsPerMinute, traffic, limits } = view
  const words = strings.tally
  return (
    <Card id="tally" title={words.title}>
      <dl class="tally">
        <Figure name={words.done}>{count(counts.done)}</Figure>
        <Figure name={words.rate} note={unitsPerMinute === null ? words.rateLater : ''}>
          {unitsPerMinute === null ? '–' : rate(unitsPerMinute)}
        </Figure>
        <Figure name={words.waiting}>{count(counts.waiting)}</Figure>
        <Figure name={words.rejected}>{count(counts.rejected)}</Figure>
        <Figure name={words.lost}>{count(counts.lost)}</Figure>
        <Figure
          name={words.down}
          note={words.today(bytes(traffic.downToday), mebibytes(limits.downloadMbPerDay))}
        >
          {bytes(traffic.downBytes)}
        </Figure>
        <Figure name={words.up}>{bytes(traffic.upBytes)}</Figure>
      </dl>
    </Card>
  )
}

interface FigureProps {
  readonly name: string
  readonly note?: string
  readonly children: ComponentChildren
}

function Figure({ name, note = '', children }: FigureProps) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        <span class="number">{children}</span>
        {note === '' ? null : <span class="note">{note}</span>}
      </dd>
    </div>
  )
}
