/** The donate page: one view of the tab's node drawn as sections, in the order in which people ask. */
import { useRef, useState } from 'preact/hooks'
import type { UnitId } from '#contracts'
import type { DonateTab, TabPhase, TabView } from '../tab-contract.ts'
import { About } from './about.tsx'
import { useCommands } from './commands.ts'
import { Consent } from './consent.tsx'
import { Credit } from './credit.tsx'
import { Hero } from './hero.tsx'
import { History } from './history.tsx'
import { Limits } from './limits.tsx'
import { Models } from './models.tsx'
import { Now } from './now.tsx'
import { Spoken } from './spoken.tsx'
import { strings } from './strings.ts'
import { Tally } from './tally.tsx'
import { Trust } from './trust.tsx'
import { Units } from './units.tsx'
import { useView } from './use-view.ts'

/** Nothing ran here so far: the page says what would. */
const UNSTARTED: ReadonlySet<TabPhase> = new Set(['consent', 'blocked', 'elsewhere'])

export function App({ tab }: { readonly tab: DonateTab }) {
  const view = useView(tab)
  const { commands, fault } = useCommands(tab)
  const [asked, setAsked] = useState<{ readonly unit: UnitId } | null>(null)
  const main = useRef<HTMLElement>(null)
  const before = UNSTARTED.has(view.phase) && view.lines.length === 0
  return (
    <>
      <Top view={view} skip={() => main.current?.focus()} />
      <main ref={main} tabIndex={-1}>
        <Hero view={view} commands={commands} fault={fault} />
        <div class="columns">
          <div class="column">
            {before ? (
              <>
                <Consent view={view} />
                <Models view={view} />
              </>
            ) : (
              <>
                <Now view={view} />
                <Tally view={view} />
                <Credit view={view} show={(unit) => setAsked({ unit })} />
                <History view={view} />
                <Units view={view} commands={commands} asked={asked} />
              </>
            )}
          </div>
          <div class="column">
            <Limits view={view} commands={commands} />
            {before ? null : <Trust view={view} />}
            {before ? null : <Models view={view} />}
            <About view={view} />
          </div>
        </div>
      </main>
      <Spoken view={view} />
    </>
  )
}

interface TopProps {
  readonly view: TabView
  readonly skip: () => void
}

function Top({ view: { peers, phase }, skip }: TopProps) {
  const words = strings.connection
  return (
    <header class="top">
      <button type="button" class="skip" onClick={skip}>
        {strings.skip}
      </button>
      <img src="./icon.svg" alt="" width={28} height={28} />
      <p class="brand">{strings.product}</p>
      {phase === 'consent' ? null : (
        <p class="connection" data-connected={peers > 0}>
          {peers > 0 ? words.peers(peers) : words.none}
        </p>
      )}
    </header>
  )
}
