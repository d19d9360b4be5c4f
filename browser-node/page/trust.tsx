/** What the mesh's ledger says of this node: the score, what the next step brings, and why it moved. */
import type { TabView, TrustView } from '../tab-contract.ts'
import { Card, Chip, Empty } from './card.tsx'
import { count, dateAndTime } from './format.ts'
import { MoreButton, useMore } from './more.tsx'
import { reasonText, strings } from './strings.ts'

const TOP_PERMILLE = 1000
const CHANGES_FIRST = 4

export function Trust({ view }: { readonly view: TabView }) {
  return (
    <Card id="trust" title={strings.trust.title}>
      {view.trust === null ? <Empty>{strings.trust.none}</Empty> : <Score trust={view.trust} />}
    </Card>
  )
}

function Score({ trust }: { readonly trust: TrustView }) {
  const { scorePermille, next, changes, state } = trust
  const words = strings.trust
  return (
    <>
      <p class="score">
        <span class="number">{count(scorePermille)}</span>{' '}
        <span class="note">/ {count(TOP_PERMILLE)}</span>
        <Chip tone="plain">{state}</Chip>
      </p>
      <meter
        aria-label={words.score}
        aria-valuetext={words.of(count(scorePermille))}
        min={0}
        max={TOP_PERMILLE}
        value={scorePermille}
      />
      <p class="note">
        {next === null ? words.top : words.next(count(next.scorePermille), next.what)}
      </p>
      <h3>{words.changes}</h3>
      <Changes changes={changes} />
    </>
  )
}

function Changes({ changes }: { readonly changes: TrustView['changes'] }) {
  const { shown, ...more } = useMore(changes, CHANGES_FIRST)
  if (changes.length === 0) return <p class="note">{strings.trust.noChange}</p>
  return (
    <>
      <ul class="changes">
        {shown.map(({ atMs, deltaPermille, reason }) => (
          <li key={`${atMs} ${deltaPermille} ${reason}`}>
            <span class={deltaPermille < 0 ? 'number delta down' : 'number delta up'}>
              {signed(deltaPermille)}
            </span>
            <span>{reasonText(reason)}</span>
            <time class="note" dateTime={new Date(atMs).toISOString()}>
              {dateAndTime(atMs)}
            </time>
          </li>
        ))}
      </ul>
      <MoreButton text={strings.trust.more} {...more} />
    </>
  )
}

const signed = (delta: number): string => (delta < 0 ? `−${count(-delta)}` : `+${count(delta)}`)
