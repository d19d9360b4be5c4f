/** Credit in its three stages and line by line, each line with a way to its unit. Sums nothing. */
import type { UnitId } from '#contracts'
import type { TabView, UnitLine } from '../tab-contract.ts'
import { Card, Chip, Empty } from './card.tsx'
import { credits, shortId } from './format.ts'
import { MoreButton, useMore } from './more.tsx'
import { strings } from './strings.ts'
import { TONES } from './units.tsx'

interface CreditProps {
  readonly view: TabView
  readonly show: (unit: UnitId) => void
}

/** As many as show a whole minute of usual work; the rest comes at a press. */
const LINES_FIRST = 5

export function Credit({ view, show }: CreditProps) {
  const { inVerification, escrow, cleared } = view.creditMicro
  const words = strings.credit
  return (
    <Card id="credit" title={words.title}>
      <dl class="stages">
        <Stage {...words.stages.in_verification} micro={inVerification} />
        <Stage {...words.stages.escrow} micro={escrow} />
        <Stage {...words.stages.cleared} micro={cleared} />
      </dl>
      {view.lines.length === 0 ? (
        <Empty>{words.empty}</Empty>
      ) : (
        <Lines lines={view.lines} show={show} />
      )}
    </Card>
  )
}

interface StageProps {
  readonly name: string
  readonly text: string
  readonly micro: number
}

function Stage({ name, text, micro }: StageProps) {
  return (
    <div class="stage">
      <dt>{name}</dt>
      <dd>
        <span class="number">{credits(micro)}</span> <span class="note">{strings.credit.unit}</span>
      </dd>
      <dd class="note">{text}</dd>
    </div>
  )
}

interface LinesProps {
  readonly lines: readonly UnitLine[]
  readonly show: (unit: UnitId) => void
}

function Lines({ lines, show }: LinesProps) {
  const { shown, ...more } = useMore(lines, LINES_FIRST)
  const words = strings.credit
  return (
    <>
      <table class="lines">
        <caption>{words.lines}</caption>
        <thead>
          <tr>
            <th scope="col">{words.unitColumn}</th>
            <th scope="col">{words.stateColumn}</th>
            <th scope="col" class="right">
              {words.creditColumn}
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((line) => (
            <tr key={line.lease}>
              <td>
                <UnitLink unit={line.unit} show={show} />
              </td>
              <td>
                <Chip tone={TONES[line.state]}>{strings.unitStates[line.state]}</Chip>
              </td>
              <td class="right number">
                {line.creditMicro === 0 ? '–' : credits(line.creditMicro)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <MoreButton text={words.more} {...more} />
    </>
  )
}

interface UnitLinkProps {
  readonly unit: UnitId
  readonly show: (unit: UnitId) => void
}

/** The address stays the page's own: what follows its # sign is the way to the mesh. */
function UnitLink({ unit, show }: UnitLinkProps) {
  return (
    <a
      href={location.hash === '' ? '#' : location.hash}
      class="mono"
      onClick={(event) => {
        event.preventDefault()
        show(unit)
      }}
      aria-label={strings.credit.show(shortId(unit))}
    >
      {shortId(unit)}
    </a>
  )
}
