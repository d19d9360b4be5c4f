/**
 * Leads each import past its door to the module that has the name. esbuild puts all that a door
 * offers into one part of the bundle, so libp2p would come with whoever asks for a clock.
 * A door that offers whole modules (`export *`) is left as it is.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from './source-files.ts'

const FROM_DOOR = /^import \{([^}]*)\} from '(#[^']+)'/gm
const OFFERED = /^export \{([^}]*)\} from '(\.[^']+)'/gm

interface Named {
  readonly name: string
  readonly as: string
}

/** From what a door offers to the module that has it, and its name there. */
type Targets = ReadonlyMap<string, { readonly path: string; readonly name: string }>

export class Doors {
  readonly #doors: Readonly<Record<string, unknown>>
  readonly #targets = new Map<string, Targets>()

  constructor() {
    this.#doors = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).imports
  }

  /** The source with each name imported from where it is; types are left, for they vanish. */
  passed(source: string): string {
    return source.replace(FROM_DOOR, (whole, names: string, door: string) => {
      const targets = this.#targetsOf(door)
      const direct = listed(names).map(({ name, as }) => {
        const target = targets.get(name)
        return target && `import { ${target.name} as ${as} } from ${JSON.stringify(target.path)}`
      })
      return direct.includes(undefined) ? whole : direct.join(';')
    })
  }

  #targetsOf(door: string): Targets {
    const known = this.#targets.get(door)
    if (known !== undefined) return known
    const path = this.#doors[door]
    const targets =
      typeof path === 'string' && existsSync(join(ROOT, path))
        ? offeredBy(join(ROOT, path))
        : new Map()
    this.#targets.set(door, targets)
    return targets
  }
}

function offeredBy(path: string): Targets {
  const offers = [...readFileSync(path, 'utf8').matchAll(OFFERED)]
  return new Map(
    offers.flatMap(([, names = '', from = '']) =>
      listed(names).map(({ name, as }) => [as, { path: join(dirname(path), from), name }] as const)
    )
  )
}

/** The values in a list of names: `type A, b, c as d`. */
function listed(names: string): readonly Named[] {
  return names
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && !one.startsWith('type '))
    .map((one) => {
      const [name = one, as = name] = one.split(/\s+as\s+/)
      return { name, as }
    })
}
