/** The units that run at this moment: for whom, why, on what, and how far. */
import type { CurrentUnit, TabView } from '../tab-contract.ts'
import { Card, Empty, Fact } from './card.tsx'
import { duration, percent } from './format.ts'
import { strings } from './strings.ts'
import { useNowMs } from './use-view.ts'

export function Now({ view }: { readonly view: TabView }) {
  const nowMs = useNowMs(view.current.length > 0)
  return (
    <Card id="now" title={strings.now.title}>
      {view.current.length === 0 ? <Empty>{strings.now.idle}</Empty> : null}
      {view.current.map((unit) => (
        <Running key={unit.lease} unit={unit} nowMs={nowMs} />
      ))}
    </Card>
  )
}

interface RunningProps {
  readonly unit: CurrentUnit
  readonly nowMs: number
}

function Running({ unit, nowMs }: RunningProps) {
  const words = strings.now
  return (
    <article class="running">
      <h3>
        {unit.task} <span class="soft">{words.for(unit.tenant)}</span>
      </h3>
      <Progress unit={unit} />
      <dl class="facts">
        {unit.purpose === '' ? null : <Fact name={words.purpose}>{unit.purpose}</Fact>}
        <Fact name={words.model}>{unit.model ?? words.noModel}</Fact>
        {unit.provider === null ? null : (
          <Fact name={words.on}>{strings.providers[unit.provider]}</Fact>
        )}
        <Fact name={words.since}>{duration(Math.max(0, nowMs - unit.startedMs))}</Fact>
      </dl>
    </article>
  )
}

function Progress({ unit: { progress, task } }: { readonly unit: CurrentUnit }) {
  const label = strings.now.progress(task)
  if (progress === null) {
    return (
      <div class="progress">
        <progress aria-label={label} title={strings.now.unknownProgress} />
      </div>
    )
  }
  return (
    <div class="progress">
      <progress aria-label={label} value={progress} max={1} />
      <span class="number" aria-hidden="true">
        {percent(progress * 100)}
      </span>
    </div>
  )
}
