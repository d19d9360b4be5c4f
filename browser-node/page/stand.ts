/** What the page calls the place where the tab stands: its phase, or the rule that holds it there. */
import type { TabView } from '../tab-contract.ts'
import { strings } from './strings.ts'

/** Held by a rule, not by the owner's own pause. */
export const isOnHold = ({ phase, holds }: TabView): boolean =>
  (phase === 'waiting' || phase === 'paused') &&
  holds.length > 0 &&
  holds.every(({ rule }) => rule !== 'owner')

export const standOf = (view: TabView): { readonly title: string; readonly text: string } =>
  isOnHold(view) ? strings.onHold : strings.phases[view.phase]
