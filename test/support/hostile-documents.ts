/**
 * From one good document, many that must be refused: unknown, missing and `__proto__` keys, wrong
 * types, numbers and ids out of bounds, lists too long or empty. Knows no schema: the caller names
 * the places where a rule does not hold.
 */

export type Path = readonly (string | number)[]
export interface Hostile {
  /** What was done, and where. */
  readonly name: string
  readonly document: unknown
}
export interface HostileOptions {
  /** One more than any list may hold. */
  readonly itemsTooMany: number
  /** Lists that may hold as many and more. */
  readonly longLists?: readonly string[]
  /** Lists that may hold null. */
  readonly nullItems?: readonly string[]
  /** Maps with free keys: another key, or one fewer, is no fault there. */
  readonly records?: readonly string[]
  /** Keys that may be absent. */
  readonly optional?: readonly string[]
  /** Numbers that need not be whole. */
  readonly fractions?: readonly string[]
  /** Lists and texts that may be empty. */
  readonly mayBeEmpty?: readonly string[]
  /** Any JSON may stand here and below. */
  readonly free?: readonly string[]
}

/** An own property, which an assignment of `__proto__` would not make. */
export function withKey(map: object, key: string, value: unknown): object {
  const copy = { ...map }
  Object.defineProperty(copy, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true
  })
  return copy
}

export function hostileDocuments(document: unknown, options: HostileOptions): Hostile[] {
  const found: Hostile[] = []
  const visit = (value: unknown, path: Path): void => {
    const at = pointer(path)
    if (isNamed(options.free, path)) return
    for (const [name, changed] of changesOf(value, path, options)) {
      found.push({ name: `${name} at ${at}`, document: replaced(document, path, changed) })
    }
    if (Array.isArray(value)) {
      for (const [index, inner] of value.entries()) visit(inner, [...path, index])
    } else if (isMap(value)) {
      for (const [key, inner] of Object.entries(value)) visit(inner, [...path, key])
    }
  }
  visit(document, [])
  return found
}

type Change = readonly [string, unknown]

function changesOf(value: unknown, path: Path, options: HostileOptions): Change[] {
  if (value === null) return [['null made undefined bytes', new Uint8Array(3)]]
  if (value instanceof Uint8Array) return [['bytes made text', 'bytes']]
  if (Array.isArray(value)) return listChanges(value, path, options)
  if (isMap(value)) return mapChanges(value, path, options)
  if (typeof value === 'number') return numberChanges(isNamed(options.fractions, path))
  if (typeof value === 'string') return textChanges(value, isNamed(options.mayBeEmpty, path))
  return [
    ['wrong type', 1],
    ['null', null]
  ]
}

function numberChanges(mayBeFraction: boolean): Change[] {
  const changes: Change[] = [
    ['text for a number', '1'],
    ['negative', -2],
    ['beyond 2^53', 2n ** 60n],
    ['NaN', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY]
  ]
  return mayBeFraction ? changes : [...changes, ['fraction', 1.5]]
}

/** Texts of 33 characters and more are ids here; the others are names. */
function textChanges(value: string, mayBeEmpty: boolean): Change[] {
  const changes: Change[] = [
    ['number for a text', 1],
    ['too long', 'x'.repeat(5_000)]
  ]
  if (!mayBeEmpty) changes.push(['empty text', ''])
  if (value.length < 33) return changes
  return [
    ...changes,
    ['id cut short', value.slice(0, -1)],
    ['id in capitals', value.toUpperCase()],
    ['id with more', `${value}a`],
    ['id with a line end', `${value}\n`]
  ]
}

function listChanges(value: unknown[], path: Path, options: HostileOptions): Change[] {
  const changes: Change[] = [['map for a list', {}]]
  const [first] = value
  if (first === undefined) return changes
  if (!isNamed(options.longLists, path))
    changes.push(['too many items', Array(options.itemsTooMany).fill(first)])
  if (!isNamed(options.nullItems, path)) changes.push(['null among the items', [...value, null]])
  if (!isNamed(options.mayBeEmpty, path)) changes.push(['no items', []])
  return changes
}

function mapChanges(
  value: Readonly<Record<string, unknown>>,
  path: Path,
  options: HostileOptions
): Change[] {
  const changes: Change[] = [
    ['list for a map', []],
    ['key __proto__', withKey(value, '__proto__', { polluted: true })]
  ]
  if (isNamed(options.records, path)) return changes
  changes.push(['unknown key', { ...value, unknown: 1 }])
  for (const key of Object.keys(value)) {
    if (isNamed(options.optional, [...path, key])) continue
    const rest = Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))
    changes.push([`missing key ${key}`, rest])
  }
  return changes
}

function replaced(document: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return value
  if (Array.isArray(document)) {
    return document.map((item, index) => (index === step ? replaced(item, rest, value) : item))
  }
  if (!isMap(document)) return document
  return { ...document, [step]: replaced(document[step], rest, value) }
}

/** List positions are written `*`. */
const pointer = (path: Path): string =>
  path.map((step) => (typeof step === 'number' ? '*' : step)).join('/')
const isNamed = (names: readonly string[] | undefined, path: Path): boolean =>
  names?.includes(pointer(path)) === true

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  )
}

/** Long byte strings cut to four: a shape is at fault then, and not the size of the whole. */
export function slim(document: unknown): unknown {
  if (document instanceof Uint8Array) return document.length > 64 ? document.slice(0, 4) : document
  if (Array.isArray(document)) return document.map(slim)
  if (!isMap(document)) return document
  return Object.fromEntries(Object.entries(document).map(([key, inner]) => [key, slim(inner)]))
}
