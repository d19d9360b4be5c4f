/**
 * The populations that policies are compared on: the columns of the reference table, the honest mesh,
 * and the cunning ones. A column says who lives in the arena and for how long; no policy is in it.
 */
import { MeshError } from '#contracts'
import type { Population } from './actors.ts'

export interface Column extends Population {
  readonly name: string
  readonly units: number
}

const SABOTAGE_NODES = 200
const SABOTAGE_UNITS = 20_000
const ALWAYS = 1_000_000
const ONE_IN_TEN = 100_000

function column(name: string, rest: Partial<Omit<Column, 'name'>>): Column {
  return {
    name,
    nodes: SABOTAGE_NODES,
    units: SABOTAGE_UNITS,
    saboteursPerMille: 200,
    sabotagePerMillion: ONE_IN_TEN,
    patience: 0,
    faultsPerMillion: 0,
    collusion: 'each',
    cunning: 'none',
    newNames: 0,
    ...rest
  }
}

/** In the order of the reference table. */
export const REFERENCE_COLUMNS: readonly Column[] = [
  column('f05-s100', { saboteursPerMille: 50, sabotagePerMillion: ALWAYS }),
  column('f20-s100', { sabotagePerMillion: ALWAYS }),
  column('f20-s10', {}),
  column('f20-s10-sleeper50', { patience: 50 }),
  column('f35-s10', { saboteursPerMille: 350 })
]

/** 1,000 units a node, and one result in a hundred wrong by accident. */
export const HONEST_COLUMN = column('honest-1pct', {
  saboteursPerMille: 0,
  faultsPerMillion: 10_000,
  units: 200_000
})

const CUNNING_COLUMNS: readonly Column[] = [
  column('f35-s100', { saboteursPerMille: 350, sabotagePerMillion: ALWAYS }),
  column('f20-s3', { sabotagePerMillion: 30_000 }),
  column('sleeper-200', { patience: 200, units: 80_000 }),
  column('lone-liars', { collusion: 'none' }),
  column('model-swappers', { collusion: 'unit' }),
  column('whitewashers', { newNames: 400 }),
  column('standing-readers', { cunning: 'standing' }),
  column('covert-flash', { cunning: 'flash', sabotagePerMillion: ALWAYS }),
  column('sabotage-and-faults', { faultsPerMillion: 10_000 })
]

const COLUMN_GROUPS: Readonly<Record<string, readonly Column[]>> = {
  reference: REFERENCE_COLUMNS,
  honest: [HONEST_COLUMN],
  cunning: CUNNING_COLUMNS,
  all: [...REFERENCE_COLUMNS, HONEST_COLUMN, ...CUNNING_COLUMNS]
}

/** A group, or columns by name. */
export function columnsNamed(names: readonly string[]): readonly Column[] {
  return names.flatMap((name) => {
    const group = COLUMN_GROUPS[name]
    if (group !== undefined) return group
    const found = COLUMN_GROUPS['all']?.find((one) => one.name === name)
    if (found !== undefined) return [found]
    const known = [
      ...Object.keys(COLUMN_GROUPS),
      ...(COLUMN_GROUPS['all'] ?? []).map((one) => one.name)
    ]
    throw new MeshError('input.malformed', { column: name, known: known.join(', ') })
  })
}
