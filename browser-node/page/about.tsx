/** Who this node is and how it is connected: what one needs to ask somebody for help. */
import type { TabView } from '../tab-contract.ts'
import { Card, Fact } from './card.tsx'
import { strings } from './strings.ts'

export function About({ view }: { readonly view: TabView }) {
  const words = strings.about
  return (
    <Card id="about" title={words.title}>
      <dl class="facts">
        <Fact name={words.peer}>
          <span class="mono whole">{view.peerId ?? words.none}</span>
        </Fact>
        <Fact name={words.mesh}>
          <span class="mono whole">{view.mesh.id}</span>
        </Fact>
        {view.mesh.purpose === '' ? null : (
          <Fact name={strings.consent.purpose}>{view.mesh.purpose}</Fact>
        )}
        <Fact name={words.ways}>
          {view.transports.length === 0 ? words.none : view.transports.join(', ')}
        </Fact>
      </dl>
      <p>
        {/* a tab of its own: leaving this one ends the work */}
        <a href="./verify.html" target="_blank" rel="noreferrer">
          {words.verify}
        </a>
      </p>
    </Card>
  )
}
