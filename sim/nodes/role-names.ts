/** The roles that nodes can have, and the keys under which a scenario counts them. */

/** By the keys of a scenario, where a role's nodes are counted in thousandths of all. */
export const ROLE_OF_KEY = {
  liars: 'liar',
  colluders: 'colluder',
  sleepers: 'sleeper',
  whitewashers: 'whitewasher',
  copiers: 'copier',
  lazy: 'lazy',
  swappers: 'swapper',
  detectors: 'detector',
  withholders: 'withholder',
  late: 'late',
  equivocators: 'equivocator',
  replayers: 'replayer',
  sybils: 'sybil',
  inflators: 'inflator',
  flooders: 'flooder',
  thieves: 'thief'
} as const
export type ActorKey = keyof typeof ROLE_OF_KEY
export type Role = 'honest' | (typeof ROLE_OF_KEY)[ActorKey]

export const ACTOR_KEYS: readonly ActorKey[] = [
  'liars',
  'colluders',
  'sleepers',
  'whitewashers',
  'copiers',
  'lazy',
  'swappers',
  'detectors',
  'withholders',
  'late',
  'equivocators',
  'replayers',
  'sybils',
  'inflators',
  'flooders',
  'thieves'
]
