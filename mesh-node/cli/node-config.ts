/**
 * A node's configuration from its four sources, checked as a whole: every fault is listed with where
 * it was written (a flag, a variable, or file, line and column). Starts nothing.
 */
import { readFileSync } from 'node:fs'
import { type Document, isNode, LineCounter, parseDocument } from 'yaml'
import { type Issue, MeshError, parseMeshId, shapeIssues, YAML_ALIASES_MAX } from '#contracts'
import type { NodeOptions } from '../node.ts'
import type { MeshName } from '../node-files.ts'
import {
  defaults,
  envName,
  NodeSettings,
  readWritten,
  SETTING_KEYS,
  SETTINGS,
  type SettingKey
} from './node-settings.ts'

/** A configuration is a page; anything larger is another file. */
const CONFIG_BYTES_MAX = 256 * 1024

export interface ConfigSources {
  /** Values of the flags that were given, by setting. */
  readonly flags: Readonly<Partial<Record<SettingKey, unknown>>>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly file: string | null
}

export function readConfig({ flags, env, file }: ConfigSources): NodeSettings {
  const written: Record<string, unknown> = { ...defaults() }
  const places = new Map<string, string>()
  if (file !== null) readFile(file, { written, places })
  for (const key of SETTING_KEYS) {
    const variable = env[envName(key)]
    if (variable !== undefined) {
      written[key] = readWritten(key, variable)
      places.set(key, envName(key))
    }
    if (flags[key] === undefined) continue
    written[key] = readWritten(key, flags[key])
    places.set(key, SETTINGS[key].flag.split(' ', 1)[0] ?? key)
  }
  if (written['mesh'] === undefined) {
    throw new MeshError('cli.usage', {
      missing: 'mesh',
      give: '--mesh <id|file>, KRAKO_MESH or `mesh:` in the file'
    })
  }
  const result = NodeSettings.safeParse(written)
  if (result.success) return result.data
  throw malformed(
    shapeIssues(result.error).map((issue) => ({
      ...issue,
      path: places.get(issue.path.split('/')[1] ?? '') ?? issue.path
    }))
  )
}

/** The settings as a node takes them. */
export function nodeOptionsOf(settings: NodeSettings): NodeOptions {
  const { pod } = settings
  const kinds = [
    'deterministic',
    'small_model',
    ...(pod.length > 0 ? ['llm' as const] : [])
  ] as const
  return {
    dataDir: settings.data,
    mesh: meshNameOf(settings.mesh),
    bootstrap: settings.bootstrap,
    listen: settings.listen,
    announce: settings.announce,
    relay: settings.relay,
    owner: settings.owner,
    kinds: settings.kinds ?? kinds,
    podTiers: pod,
    zones: settings.zones,
    region: settings.region,
    tenants: settings.tenants,
    slots: settings.slots,
    queueMax: settings.queue,
    memoryMb: settings.memory_mb,
    cacheMb: settings.model_cache_mb,
    provider: settings.provider,
    drainGraceMs: settings.drain_grace_ms,
    drill: settings.drill
  }
}

const MESH_ID = /^[0-9a-f]{64}$/
const meshNameOf = (mesh: string): MeshName =>
  MESH_ID.test(mesh) ? { kind: 'id', id: parseMeshId(mesh) } : { kind: 'file', path: mesh }

interface Written {
  readonly written: Record<string, unknown>
  readonly places: Map<string, string>
}

function readFile(file: string, { written, places }: Written): void {
  const lines = new LineCounter()
  const document = parseDocument(readText(file), { lineCounter: lines })
  const [fault] = document.errors
  if (fault !== undefined) {
    const { line, col } = lines.linePos(fault.pos[0])
    const message = fault.message.split('\n', 1)[0] ?? ''
    throw malformed([{ path: `${file}:${line}:${col}`, rule: 'yaml', message }])
  }
  const values: unknown = document.toJS({ maxAliasCount: YAML_ALIASES_MAX })
  const result = NodeSettings.partial().safeParse(values ?? {})
  const placeOf = (path: string): string => placeIn(document, { file, lines, path })
  if (!result.success) {
    throw malformed(
      shapeIssues(result.error).map((issue) => ({ ...issue, path: placeOf(issue.path) }))
    )
  }
  for (const [key, value] of Object.entries(result.data)) {
    written[key] = value
    places.set(key, placeOf(`/${key}`))
  }
}

/** `file:line:column` of what a JSON pointer points to: the key, where it has one. */
function placeIn(
  document: Document,
  { file, lines, path }: { file: string; lines: LineCounter; path: string }
): string {
  const keys = path.split('/').slice(1)
  for (let depth = keys.length; depth > 0; depth--) {
    const found: unknown = document.getIn(keys.slice(0, depth), true)
    const start = isNode(found) ? found.range?.[0] : undefined
    if (start === undefined) continue
    const { line, col } = lines.linePos(start)
    return `${file}:${line}:${col} ${path}`
  }
  return `${file} ${path}`
}

function readText(file: string): string {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MeshError('config.malformed', { file, reason }, { cause })
  }
  if (bytes.length > CONFIG_BYTES_MAX) {
    throw new MeshError('config.malformed', {
      file,
      bytes: bytes.length,
      bytesMax: CONFIG_BYTES_MAX
    })
  }
  return new TextDecoder().decode(bytes)
}

/** Faults of flags alone are a wrong command line; anything else is a wrong configuration. */
function malformed(issues: readonly Issue[]): MeshError {
  const isUsage = issues.every(({ path }) => path.startsWith('--'))
  const code = isUsage ? 'cli.usage' : 'config.malformed'
  return new MeshError(code, { faults: issues.length }, { issues })
}
