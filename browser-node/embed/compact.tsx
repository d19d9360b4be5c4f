/** The donate page in the space of a widget: consent, Start and Pause, credit, a way to the rest. */
import { useEffect, useRef } from 'preact/hooks'
import { useCommands } from '../page/commands.ts'
import { Consent } from '../page/consent.tsx'
import { credits } from '../page/format.ts'
import { Hero } from '../page/hero.tsx'
import { Spoken } from '../page/spoken.tsx'
import { strings } from '../page/strings.ts'
import { useView } from '../page/use-view.ts'
import type { DonateTab, TabView } from '../tab-contract.ts'
import type { FrameMessage } from './frame-messages.ts'
import { useGuard } from './use-guard.ts'

interface CompactProps {
  readonly tab: DonateTab
  /** Tells the element around the frame; it goes to whoever frames this, so it holds no secret. */
  readonly tell: (message: FrameMessage) => void
}

export function Compact({ tab, tell }: CompactProps) {
  const view = useView(tab)
  const { commands, fault } = useCommands(tab)
  const main = useRef<HTMLElement>(null)
  const hero = useRef<HTMLDivElement>(null)
  const guard = useGuard(commands, hero)
  const { phase, creditMicro } = view
  useEffect(() => {
    const { current } = main
    if (current === null) return
    const report = (): void =>
      tell({
        kora: 'frame',
        heightPx: Math.ceil(current.getBoundingClientRect().height),
        phase,
        clearedMicro: creditMicro.cleared
      })
    const resized = new ResizeObserver(report)
    resized.observe(current)
    report()
    return () => resized.disconnect()
  }, [phase, creditMicro.cleared, tell])
  return (
    <>
      <main ref={main} class="compact">
        <div ref={hero} data-seen={guard.seen}>
          <Hero view={view} commands={guard.commands} fault={fault} />
        </div>
        <div role="alert" class="alerts">
          {guard.notice === '' ? null : <p class="notice notice-wait">{guard.notice}</p>}
        </div>
        {phase === 'consent' ? <Consent view={view} /> : <Earned view={view} />}
        {guard.asked === null ? null : (
          <div class="notice notice-wait">
            <span role="alert" id="confirm-text">
              {strings.widget.confirmText}
            </span>
            <button
              type="button"
              class="small"
              aria-describedby="confirm-text"
              onClick={guard.confirm}
            >
              {strings.widget.confirm}
            </button>
          </div>
        )}
        <p class="note">
          <a href={`./${location.hash}`} target="_blank" rel="noreferrer">
            {strings.widget.whole}
          </a>
        </p>
      </main>
      <Spoken view={view} />
    </>
  )
}

function Earned({ view: { counts, creditMicro } }: { readonly view: TabView }) {
  return (
    <dl class="tally">
      <div class="figure">
        <dt>{strings.tally.done}</dt>
        <dd class="number">{counts.done}</dd>
      </div>
      <div class="figure">
        <dt>{strings.widget.pending}</dt>
        <dd class="number">{credits(creditMicro.inVerification + creditMicro.escrow)}</dd>
      </div>
      <div class="figure">
        <dt>{strings.widget.cleared}</dt>
        <dd class="number">{credits(creditMicro.cleared)}</dd>
      </div>
    </dl>
  )
}
