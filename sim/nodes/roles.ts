/**
 * Who in the mesh is honest, and what the others say a unit gave. Every role is one of the node's driver:
 * its machine is everybody's. How each of them goes about it is in `actor.ts`.
 */
import type { Cid, PackedUnit, PeerId } from '#contracts'
import { digestOfText } from '../kernel/rolling-trace.ts'
import { named, rightAnswer, wrongAnswer } from './answers.ts'
import type { Role } from './role-names.ts'

/** Units that a sleeper does well before it lies. */
const SLEEPS_FOR_UNITS = 10
/** One unit in so many is beyond the cheaper model. */
const CHEAP_FAILS_ONE_IN = 8

/** What the lazy answer to everything, without a look at it. */
const NOTHING = named('nothing')

/** What an answer depends on beside the role. */
export interface Asked {
  readonly unit: PackedUnit
  readonly node: PeerId
  /** Units that this node answered before. */
  readonly answered: number
  /** Of a thousand units it lies on so many, if it is of those that lie on some. */
  readonly cheatPerMille: number
  /** The lease asks to commit first: it is a unit that others run as well. */
  readonly isChecked: boolean
}

/** Null: such a node says nothing of its own. */
export function answerOf(role: Role, asked: Asked): Cid | null {
  const { unit, node, answered, isChecked } = asked
  if (LIES_AT_TIMES.has(role) && !isLied(asked)) return rightAnswer(unit.id)
  switch (role) {
    case 'liar':
    case 'whitewasher':
      return named(`wrong ${unit.id} by ${node}`)
    case 'colluder':
    case 'sybil':
      return wrongAnswer(unit.id)
    case 'sleeper':
      return answered < SLEEPS_FOR_UNITS ? rightAnswer(unit.id) : wrongAnswer(unit.id)
    case 'lazy':
      return NOTHING
    case 'swapper':
      return isBeyondCheap(unit) ? named(`cheap ${unit.id}`) : rightAnswer(unit.id)
    case 'detector':
      return isChecked ? rightAnswer(unit.id) : wrongAnswer(unit.id)
    case 'copier':
      return isChecked ? null : rightAnswer(unit.id)
    case 'withholder':
    case 'late':
      return null
    case 'honest':
    case 'equivocator':
    case 'replayer':
    case 'inflator':
    case 'flooder':
    case 'thief':
      return rightAnswer(unit.id)
  }
}

const LIES_AT_TIMES: ReadonlySet<Role> = new Set(['liar', 'colluder', 'sybil'])

/** Each draws for itself: that others lie on a unit makes it no likelier. */
const isLied = ({ unit, node, cheatPerMille }: Asked): boolean =>
  cheatPerMille >= 1_000 || (digestOfText(`${unit.id} ${node}`) >>> 0) % 1_000 < cheatPerMille

/** How much of an honest run's time it takes, in thousandths. */
export function effortPerMille(role: Role): number {
  if (role === 'lazy') return 0
  return role === 'swapper' ? 250 : 1_000
}

const isBeyondCheap = ({ id }: PackedUnit): boolean =>
  (digestOfText(id) >>> 0) % CHEAP_FAILS_ONE_IN === 0
