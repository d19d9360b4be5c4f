/**
 * What one that forks says in one place of its two logs. The second log may say one thing more than the
 * first, or so many at once that what shows the fork is too long for a message, and goes over links.
 */
import type { EntryContent, PeerId } from '#contracts'
import type { Chance } from '../kernel/chance.ts'
import { MODEL } from '../nodes/answers.ts'

type Liar = 'sequencer' | 'node'

/** One batch of so many entries has more bytes than a message of gossip may have. */
const MANY = 640
/** What the second log says; its shape is drawn of these. */
const SECONDS: readonly (readonly number[])[] = [
  [2],
  [2, 3],
  Array.from({ length: MANY }, (_, more) => 2 + more)
]

/** For each of two logs what it says. */
export function drawLies(
  author: PeerId,
  who: Liar,
  chance: Chance
): readonly (readonly EntryContent[])[] {
  const second = SECONDS[chance.below(SECONDS.length)] ?? []
  return [[1], second].map((said) => said.map((number) => lieOf(author, who, number)))
}

function lieOf(author: PeerId, who: Liar, number: number): EntryContent {
  return who === 'node'
    ? {
        kind: 'node.observed',
        body: { node: author, state: 'active', health_milli: number, reason: 'said twice' }
      }
    : {
        kind: 'model.registered',
        body: { model: MODEL, name: `said twice ${number}`, base_us: number, us_per_kib: 0 }
      }
}
