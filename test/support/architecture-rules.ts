/**
 * The rules of the house, as pure functions over sources.
 *
 * Each takes what it needs and gives back faults; none reads a disk, so the test can plant a leak
 * in a made-up file and see it caught. A rule never guesses: what it cannot judge it leaves.
 */

import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { cyclesIn, linksBetween } from './import-cycles.ts'
import { type Reach, zoneOf } from './import-table.ts'
import { readSources, type SourceFile, type SourceModel } from './source-model.ts'

interface Fault {
  readonly rule: string
  readonly path: string
  readonly line: number
  readonly what: string
}

/** Ratchet. The aim is 250 and 40; these are where it stops. */
const FILE_LINES_MAX = 400
const FUNCTION_LINES_MAX = 70

/** What stands in for the world, and what to use in its place. */
const WORLD: ReadonlyMap<string, string> = new Map([
  ['Date.now', 'take nowMs from the input'],
  ['new Date', 'take nowMs from the input'],
  ['performance', 'take nowMs from the input'],
  ['process.hrtime', 'take nowMs from the input'],
  ['Math.random', 'take chance from a port'],
  ['crypto', 'take a Signer or sha256 from #contracts'],
  ['setTimeout', 'give back an effect that asks for time'],
  ['setInterval', 'give back an effect that asks for time'],
  ['setImmediate', 'give back an effect that asks for time'],
  ['AbortSignal.timeout', 'give back an effect that asks for time'],
  ['fetch', 'give back an effect that asks for the bytes']
])

/** Node modules that are the world under another name. */
const WORLD_MODULES: readonly string[] = [
  'node:crypto',
  'node:timers',
  'node:timers/promises',
  'node:perf_hooks',
  'node:http',
  'node:https',
  'node:http2',
  'node:net',
  'node:dgram',
  'node:tls',
  'node:child_process',
  'node:worker_threads'
]

/** Files that touch the world, because that is their work. */
const DRIVERS: readonly RegExp[] = [
  /^mesh-node\/(net|exec|store|cli|keys)\//,
  /^control\/(cli|drivers|models)\//,
  /^ledger\/store\//,
  /^contracts\/platform\//,
  /^sim\/real\//,
  /^browser-node\/(build|embed|exec|net|page|verify|worker)\//,
  /^(bin|scripts|test)\//,
  /\/([a-z-]+-)?driver\.ts$/,
  /\/main\.ts$/
]

/** Machines hold protocol state and never wait. */
const MACHINES = /^(mesh-node\/core|ledger\/fold)\//
/** Globals that exist on one platform alone. */
const PORTABLE = /^(contracts|ledger|mesh-node\/core)\//
const PLATFORM_GLOBALS = new Set(['process', 'Buffer', '__dirname', 'window', 'document'])
const NODE_GLOBALS = new Set(['process', 'Buffer', '__dirname', '__filename'])

const TYP = /^application\/vnd\.kora\.[a-z0-9-]+\.v[0-9]+\+[a-z]+$/
const UNFINISHED =
  /\b(TODO|FIXME|XXX)\b|\bplaceholder\b|\bnot implemented\b|\bfor now\b|\bsimplified\b/
const SWITCHED_OFF = /@ts-(ignore|nocheck|expect-error)/
const NO_OPENING_NEEDED = /(^|\/)index\.ts$|\.data\.ts$/
/** Tables may be long, as long as they decide nothing. */
const TABLE = /\.data\.ts$/

type Rule = (source: SourceModel) => readonly Omit<Fault, 'path'>[]

const importTable: Rule = ({ path, imports }) => {
  const zone = zoneOf(path)
  if (zone === undefined) return [{ rule: 'import-table', line: 1, what: 'no row for this folder' }]
  return imports.flatMap(({ specifier, line }) => {
    const fault = (what: string) => [{ rule: 'import-table', line, what }]
    if (specifier === undefined) return fault('imports what nobody can read from the source')
    if (specifier.startsWith('.')) {
      const target = posix.join(posix.dirname(path), specifier)
      const top = (name: string) => name.split('/')[0]
      const reached = zone.relative.some((prefix) => target.startsWith(prefix))
      if (reached || (target.startsWith('bin/') && zone.node)) return []
      if (zone.relative.length === 1 && top(target) === top(path)) {
        return fault(`${zone.prefix} does not import ${target}`)
      }
      return fault(`goes past a door: ${target}`)
    }
    if (specifier.startsWith('#')) {
      return zone.doors.includes(specifier)
        ? []
        : fault(`${zone.prefix} does not import ${specifier}`)
    }
    if (isBuiltin(specifier))
      return zone.node ? [] : fault(`${zone.prefix} does not import ${specifier}`)
    const refused = zone.refusedPackages.some((prefix) => specifier.startsWith(prefix))
    return refused ? fault(`${zone.prefix} does not import ${specifier}`) : []
  })
}

const forbiddenCalls: Rule = ({ path, reads, imports }) => {
  if (DRIVERS.some((driver) => driver.test(path))) return []
  const rule = 'forbidden-calls'
  const read = reads.flatMap(({ name, line }) => {
    const instead = WORLD.get(name)
    return instead === undefined ? [] : [{ rule, line, what: `${name}: ${instead}` }]
  })
  const loaded = imports.flatMap(({ specifier, line, typeOnly }) => {
    const world = !typeOnly && specifier !== undefined && WORLD_MODULES.includes(specifier)
    return world ? [{ rule, line, what: `${specifier}: only drivers touch the world` }] : []
  })
  return [...read, ...loaded]
}

const platformGlobals: Rule = ({ path, reads }) => {
  if (!PORTABLE.test(path) || DRIVERS.some((driver) => driver.test(path))) return []
  return reads.flatMap(({ name, line }) =>
    PLATFORM_GLOBALS.has(name) ? [{ rule: 'platform-globals', line, what: name }] : []
  )
}

const waitingMachines: Rule = ({ path, reads, waits }) => {
  if (!MACHINES.test(path)) return []
  const promises = reads.filter(({ name }) => name === 'Promise' || name === 'queueMicrotask')
  return [...waits, ...promises].map(({ name, line }) => ({
    rule: 'waiting-machine',
    line,
    what: `${name}: a machine answers at once, the driver waits`
  }))
}

const ratchet: Rule = ({ path, lines, functions }) => {
  const rule = 'ratchet'
  const what = (of: string, count: number, most: number) => `${of} has ${count} lines of ${most}`
  const long = functions
    .filter((one) => one.lines > FUNCTION_LINES_MAX)
    .map((one) => ({ rule, line: one.line, what: what(one.name, one.lines, FUNCTION_LINES_MAX) }))
  const table = TABLE.test(path) && functions.length === 0
  if (table || lines <= FILE_LINES_MAX) return long
  return [...long, { rule, line: FILE_LINES_MAX, what: what('the file', lines, FILE_LINES_MAX) }]
}

const opening: Rule = ({ path, text }) => {
  if (NO_OPENING_NEEDED.test(path)) return []
  const start = text.replace(/^#!.*\n/, '').trimStart()
  if (/^\/\*\*\s*\*?\s*\S/.test(start) && !start.startsWith('/**/')) return []
  return [{ rule: 'opening', line: 1, what: 'opens without saying what it is for' }]
}

const unfinished: Rule = ({ text }) =>
  text.split('\n').flatMap((written, index) => {
    const word = UNFINISHED.exec(written)?.[0] ?? SWITCHED_OFF.exec(written)?.[0]
    return word === undefined ? [] : [{ rule: 'unfinished', line: index + 1, what: word }]
  })

const typeEscapes: Rule = ({ escapes }) =>
  escapes.map(({ name, line }) => ({ rule: 'type-escape', line, what: name }))

const RULES: readonly Rule[] = [
  importTable,
  forbiddenCalls,
  platformGlobals,
  waitingMachines,
  ratchet,
  opening,
  unfinished,
  typeEscapes
]

/** Each COSE `typ` stands in the code once, whole: two of one name would verify as each other. */
function uniqueTyps(sources: readonly SourceModel[]): readonly Fault[] {
  const seen = new Map<string, string>()
  return sources.flatMap(({ path, strings }) =>
    strings.flatMap(({ name, line }) => {
      if (!name.includes('application/vnd.kora.')) return []
      const fault = (what: string) => [{ rule: 'unique-typ', path, line, what }]
      if (!TYP.test(name)) return fault(`${name} is not one whole typ`)
      const first = seen.get(name)
      seen.set(name, first ?? `${path}:${line}`)
      return first === undefined ? [] : fault(`${name} stands at ${first} too`)
    })
  )
}

export interface Doors {
  readonly [specifier: string]: string | { readonly [condition: string]: string }
}

/** Follows imports that load something and names the chain to whatever must not be loaded. */
export function reachFaults(
  files: readonly SourceFile[],
  doors: Doors,
  reaches: readonly Reach[]
): readonly Fault[] {
  const sources = new Map(readSources(files).map((source) => [source.path, source]))
  return reaches.flatMap(({ from, never, why }) => {
    const chains = loadedFrom(from, sources, doors)
    return [...chains].flatMap(([target, chain]) => {
      if (!never.some((prefix) => target.startsWith(prefix))) return []
      const what = `${[...chain, target].join(' -> ')}: ${why}`
      return [{ rule: 'reach', path: from, line: 1, what }]
    })
  })
}

/** Globals of Node alone, in whatever these modules load: a page has none of them. */
export function nodeGlobalFaults(
  files: readonly SourceFile[],
  doors: Doors,
  entries: readonly string[]
): readonly Fault[] {
  const sources = new Map(readSources(files).map((source) => [source.path, source]))
  const loaded = new Set(entries.flatMap((entry) => [...loadedFrom(entry, sources, doors).keys()]))
  return [...loaded].flatMap((path) =>
    (sources.get(path)?.reads ?? []).flatMap(({ name, line }) =>
      NODE_GLOBALS.has(name) ? [{ rule: 'node-globals', path, line, what: name }] : []
    )
  )
}

/** Every module that loading `entry` loads, each with the chain of modules that leads to it. */
function loadedFrom(
  entry: string,
  sources: ReadonlyMap<string, SourceModel>,
  doors: Doors
): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, readonly string[]>([[entry, []]])
  const waiting = [entry]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const chain = [...(chains.get(path) ?? []), path]
    for (const { specifier, typeOnly } of sources.get(path)?.imports ?? []) {
      if (typeOnly || specifier === undefined) continue
      const target = resolved(path, specifier, doors)
      if (chains.has(target)) continue
      chains.set(target, chain)
      waiting.push(target)
    }
  }
  return chains
}

function resolved(path: string, specifier: string, doors: Doors): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier)
  const door = doors[specifier]
  const target = typeof door === 'object' ? (door['browser'] ?? door['default']) : door
  return target === undefined ? specifier : posix.normalize(target)
}

/** Circular imports between files, between folders beside each other, and between top folders. */
export function cycleFaults(files: readonly SourceFile[], doors: Doors): readonly Fault[] {
  const paths = new Set(files.map(({ path }) => path))
  const links = new Map(
    readSources(files).map(({ path, imports }) => {
      const targets = imports.flatMap(({ specifier, address }) =>
        specifier === undefined || address ? [] : everyTarget(path, specifier, doors)
      )
      return [path, new Set(targets.filter((target) => paths.has(target)))]
    })
  )
  const top = (path: string): string => path.split('/')[0] ?? path
  const found = [links, linksBetween(links, posix.dirname), linksBetween(links, top)]
  const roads = new Set(found.flatMap(cyclesIn).map((road) => road.join(' -> ')))
  return [...roads].map((what) => ({
    rule: 'cycle',
    path: what.split(' ')[0] ?? '',
    line: 1,
    what
  }))
}

/** All that an import may load: a door that differs by platform leads to several modules. */
function everyTarget(path: string, specifier: string, doors: Doors): readonly string[] {
  const door = doors[specifier]
  if (typeof door !== 'object') return [resolved(path, specifier, doors)]
  return Object.values(door).map((target) => posix.normalize(target))
}

/** Every fault of the given files under every rule that looks at one file, or at all names. */
export function faultsOf(files: readonly SourceFile[]): readonly Fault[] {
  const sources = readSources(files)
  const single = sources.flatMap((source) =>
    RULES.flatMap((rule) => rule(source).map((fault) => ({ ...fault, path: source.path })))
  )
  return [...single, ...uniqueTyps(sources)]
}
