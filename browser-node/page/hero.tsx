/**
 * Where the tab stands, the one large button, and what holds it back with a way to lift it.
 * The button's name begins with Start or Pause in every phase, and it stays one element, so that
 * the keyboard's focus stays where it was.
 */
import type { Hold, TabPhase, TabView } from '../tab-contract.ts'
import type { Commands } from './commands.ts'
import { timeOfDay } from './format.ts'
import { isOnHold, standOf } from './stand.ts'
import { strings } from './strings.ts'

interface HeroProps {
  readonly view: TabView
  readonly commands: Commands
  readonly fault: string
}

const RUNNING: ReadonlySet<TabPhase> = new Set(['joining', 'waiting', 'working', 'finishing'])

export function Hero({ view, commands, fault }: HeroProps) {
  const { phase, detail, mesh } = view
  const onHold = isOnHold(view)
  const { title, text } = standOf(view)
  const running = RUNNING.has(phase) || onHold
  const sentence = detail === null ? text : strings.detail(detail.key, detail.facts)
  return (
    <section class="hero" data-phase={phase} aria-labelledby="phase-title">
      <div class="hero-text">
        <p class="eyebrow">{mesh.name || strings.product}</p>
        <h1 id="phase-title">
          <span class="beat" aria-hidden="true" />
          {title}
        </h1>
        <p class="lead" id="phase-text">
          {sentence}
        </p>
      </div>
      <div class="hero-action">
        <button
          type="button"
          class={running ? 'big big-pause' : 'big'}
          aria-describedby="phase-text"
          onClick={running ? commands.pause : commands.start}
        >
          <Sign running={running} />
          {onHold ? strings.start.pause : buttonName(phase)}
        </button>
        {phase === 'working' ? (
          <button type="button" class="quiet" onClick={commands.finishThenPause}>
            {strings.start.finish}
          </button>
        ) : null}
      </div>
      <Holds holds={view.holds} commands={commands} />
      <div role="alert" class="alerts">
        {fault === '' ? null : <p class="notice notice-bad">{strings.failed(fault)}</p>}
      </div>
    </section>
  )
}

function buttonName(phase: TabPhase): string {
  switch (phase) {
    case 'consent':
      return strings.start.first
    case 'paused':
      return strings.start.again
    case 'blocked':
      return strings.start.retry
    case 'elsewhere':
      return strings.start.here
    case 'finishing':
      return strings.start.pauseNow
    case 'joining':
    case 'waiting':
    case 'working':
      return strings.start.pause
  }
}

function Sign({ running }: { readonly running: boolean }) {
  return (
    <svg viewBox="0 0 24 24" class="sign" aria-hidden="true">
      <path d={running ? 'M7 5h3.5v14H7zM13.5 5H17v14h-3.5z' : 'M8 5.2v13.6L19 12z'} />
    </svg>
  )
}

interface HoldsProps {
  readonly holds: readonly Hold[]
  readonly commands: Commands
}

/** The owner's own pause is lifted by the large button. */
function Holds({ holds, commands }: HoldsProps) {
  const shown = holds.filter(({ rule }) => rule !== 'owner')
  if (shown.length === 0) return null
  return (
    <ul class="holds">
      {shown.map(({ rule, untilMs }) => (
        <li key={rule} class="notice notice-wait">
          <span>
            {strings.holds[rule].title}
            {untilMs === null ? '' : `, ${strings.until(timeOfDay(untilMs))}`}
          </span>
          <button type="button" class="small" onClick={() => commands.override(rule)}>
            {strings.holds[rule].lift}
          </button>
        </li>
      ))}
    </ul>
  )
}
