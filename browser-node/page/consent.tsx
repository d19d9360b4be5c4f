/** What the owner should know before the first start: who asks, what for, what is used and what not. */
import type { TabView } from '../tab-contract.ts'
import { Card, Fact } from './card.tsx'
import { mebibytes, percent, shortId } from './format.ts'
import { strings } from './strings.ts'

export function Consent({ view }: { readonly view: TabView }) {
  const { mesh, models, limits } = view
  const words = strings.consent
  return (
    <Card id="consent" title={words.title}>
      <dl class="facts facts-wide">
        <Fact name={words.asks}>
          <span title={mesh.operator}>{words.asksText(mesh.name, shortId(mesh.operator))}</span>
        </Fact>
        <Fact name={words.purpose}>{mesh.purpose || words.purposeUnknown}</Fact>
        <Fact name={words.models}>
          {models.length === 0 ? words.modelsUnknown : models.map(({ name }) => name).join(', ')}
        </Fact>
        <Fact name={words.used}>
          {words.usedText(
            percent(limits.intensityPercent),
            mebibytes(limits.memoryMb),
            mebibytes(limits.downloadMbPerDay)
          )}
        </Fact>
        <Fact name={words.safe}>{words.safeText}</Fact>
        <Fact name={words.paid}>{words.paidText}</Fact>
      </dl>
    </Card>
  )
}
