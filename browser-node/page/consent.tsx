/** What the owner should know before the first start: who asks, what for, what is used and what not. */
import type { OfferedModel, TabView } from '../tab-contract.ts'
import { Card, Fact } from './card.tsx'
import { bytes, mebibytes, percent, shortId } from './format.ts'
import { strings } from './strings.ts'

export function Consent({ view }: { readonly view: TabView }) {
  const { mesh, limits } = view
  const words = strings.consent
  return (
    <Card id="consent" title={words.title}>
      <dl class="facts facts-wide">
        <Fact name={words.asks}>
          <span title={mesh.operator}>{words.asksText(mesh.name, shortId(mesh.operator))}</span>
        </Fact>
        <Fact name={words.purpose}>{mesh.purpose || words.purposeUnknown}</Fact>
        <Fact name={words.models}>
          {mesh.models.length === 0 ? words.modelsUnknown : <Offered models={mesh.models} />}
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

/** Only those that there is work for are fetched: the sum is what it may come to. */
function Offered({ models }: { readonly models: readonly OfferedModel[] }) {
  const words = strings.consent
  return (
    <>
      <ul class="offered">
        {models.map(({ cid, name, licence, bytes: size }) => (
          <li key={cid}>
            <span class="offered-name">{name}</span>{' '}
            <span class="soft">{words.model(bytes(size), licence)}</span>
          </li>
        ))}
      </ul>
      <p class="note">{words.modelsText(bytes(models.reduce((sum, one) => sum + one.bytes, 0)))}</p>
    </>
  )
}
