/**
 * What one step of the gateway machine comes to, with the judgements that it asks for: they need nothing
 * fetched here, so that they belong to the same step. Looks at effects; carries none of them out.
 */
import type { EntryContent } from '#contracts'
import type { GatewayEffect, GatewayMachine, JudgedUnit } from '#mesh-node/core'
import { judge } from './work.ts'

const NO_CONTENTS: readonly EntryContent[] = []

/** All effects but those that ask for a judgement. */
export function withJudgements(
  machine: GatewayMachine,
  first: readonly GatewayEffect[],
  nowMs: number
): readonly GatewayEffect[] {
  let effects = first
  let items = judgedOf(effects)
  if (items.length === 0) return effects
  const all: GatewayEffect[] = []
  while (items.length > 0) {
    for (const effect of effects) if (effect.type !== 'judge') all.push(effect)
    effects = machine.step({ type: 'judged', items, nowMs })
    items = judgedOf(effects)
  }
  for (const effect of effects) all.push(effect)
  return all
}

/** A new list only where something is judged: most steps ask for nothing. */
const NOTHING: readonly JudgedUnit[] = []

function judgedOf(effects: readonly GatewayEffect[]): readonly JudgedUnit[] {
  let judged = NOTHING
  for (const effect of effects) {
    if (effect.type === 'judge') judged = judged.concat(effect.items.map(judge))
  }
  return judged
}

/** What the effects record, in their order: nearly always all of it in one of them. */
export function recordsOf(effects: readonly GatewayEffect[]): readonly EntryContent[] {
  let contents = NO_CONTENTS
  for (const effect of effects) {
    if (effect.type !== 'record') continue
    contents = contents.length === 0 ? effect.contents : contents.concat(effect.contents)
  }
  return contents
}
