/**
 * Puts a view of a tab's node into a document: loads the node, then draws; says so where it cannot
 * be loaded. Another link in the same tab is another mesh, so it begins anew.
 */
import { type ComponentChild, render } from 'preact'
import type { DonateTab, OpenDonateTab } from '../tab-contract.ts'
import { strings } from './strings.ts'

export function mount(open: OpenDonateTab, draw: (tab: DonateTab) => ComponentChild): void {
  const root = document.getElementById('page')
  if (root === null) throw new Error('the document has no place for the page')
  addEventListener('hashchange', () => location.reload())
  // brought back from the browser's memory, with a node that was closed when the page was left
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) location.reload()
  })
  render(<Loading />, root)
  open(location.href)
    .then((tab) => {
      addEventListener('pagehide', () => void tab.close())
      render(draw(tab), root)
    })
    .catch((error: unknown) => {
      render(<NotLoaded fault={error instanceof Error ? error.message : String(error)} />, root)
    })
}

function Loading() {
  return (
    <main class="narrow" aria-busy="true">
      <div class="hero">
        <h1>{strings.product}</h1>
      </div>
    </main>
  )
}

function NotLoaded({ fault }: { readonly fault: string }) {
  return (
    <main class="narrow">
      <div class="hero">
        <h1>{strings.notLoaded.title}</h1>
        <p class="lead">{strings.notLoaded.text}</p>
        <p class="notice notice-bad">{fault}</p>
      </div>
    </main>
  )
}
