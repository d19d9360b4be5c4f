/**
 * Every setting of a node: its flag, its environment variable, its key in the YAML file, its default
 * and its bounds, in one table. Flags win over the environment, that over the file, that over defaults.
 */
import { availableParallelism, homedir, totalmem } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { NAME_CHARS_MAX, NODE_LEASES_MAX, TIERS, text, UNIT_KINDS } from '#contracts'
import { PROVIDERS } from '#mesh-node/exec'
import { DRILLS } from '../agent/drill.ts'

const whole = (min: number, max: number) => z.int().min(min).max(max)
const names = z.array(text(NAME_CHARS_MAX)).max(64)
const addresses = z.array(text(256)).max(16)

/** What a configuration file may say; every key is optional there. */
export const NodeSettings = z.strictObject({
  mesh: text(4_096),
  bootstrap: addresses,
  data: text(4_096),
  listen: addresses,
  announce: addresses,
  relay: z.boolean(),
  owner: text(NAME_CHARS_MAX).nullable(),
  kinds: z.array(z.enum(UNIT_KINDS)).min(1).max(UNIT_KINDS.length).nullable(),
  pod: z.array(z.enum(TIERS)).max(TIERS.length),
  zones: names.max(16),
  region: text(NAME_CHARS_MAX).nullable(),
  tenants: names.min(1).nullable(),
  slots: whole(1, 1_024),
  queue: whole(1, NODE_LEASES_MAX),
  memory_mb: whole(128, 1_000_000),
  model_cache_mb: whole(16, 100_000_000),
  provider: z.enum(PROVIDERS),
  drain_grace_ms: whole(0, 600_000),
  log_level: z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']),
  drill: z.enum(DRILLS).nullable()
})
export type NodeSettings = z.infer<typeof NodeSettings>
export type SettingKey = keyof NodeSettings

/** Tiers of `--pod` without a list: those that only pods run. */
const POD_TIERS_DEFAULT = ['medium', 'large']

/** How a setting is written on the command line and in the environment. */
type Syntax = 'text' | 'list' | 'number' | 'switch' | 'tiers' | 'drill'

export interface Setting {
  readonly flag: string
  readonly syntax: Syntax
  readonly summary: string
}

export const SETTINGS: Readonly<Record<SettingKey, Setting>> = {
  mesh: {
    flag: '--mesh <id|file>',
    syntax: 'text',
    summary: 'the mesh to join: its id, or the file with its signed genesis'
  },
  bootstrap: {
    flag: '--bootstrap <address...>',
    syntax: 'list',
    summary: 'multiaddrs of peers to connect to, the control node first'
  },
  data: { flag: '--data <folder>', syntax: 'text', summary: 'key, ledger and models of this node' },
  listen: {
    flag: '--listen <address...>',
    syntax: 'list',
    summary: 'multiaddrs to listen on; port 0 takes a free one'
  },
  announce: {
    flag: '--announce <address...>',
    syntax: 'list',
    summary: 'addresses that others reach this node by, where they differ'
  },
  relay: {
    flag: '--relay',
    syntax: 'switch',
    summary: 'bring peers together that nobody can dial, as tabs: lends addresses and small traffic'
  },
  owner: {
    flag: '--owner <name>',
    syntax: 'text',
    summary: 'who answers for this node (default: its peer id)'
  },
  kinds: {
    flag: '--kinds <kind...>',
    syntax: 'list',
    summary: 'kinds of units to run (default: all that this node can)'
  },
  pod: {
    flag: '--pod [tiers]',
    syntax: 'tiers',
    summary: `serve as an LLM pod, for these tiers (${POD_TIERS_DEFAULT.join(',')})`
  },
  zones: { flag: '--zone <name...>', syntax: 'list', summary: 'zones that this node stands in' },
  region: { flag: '--region <name>', syntax: 'text', summary: 'where this node is' },
  tenants: {
    flag: '--tenants <name...>',
    syntax: 'list',
    summary: 'work for these tenants alone (default: all of the mesh)'
  },
  slots: { flag: '--slots <n>', syntax: 'number', summary: 'units that run at the same time' },
  queue: { flag: '--queue <n>', syntax: 'number', summary: 'leases taken on at once' },
  memory_mb: {
    flag: '--memory-mb <n>',
    syntax: 'number',
    summary: 'memory of all running units together, shared evenly by the slots'
  },
  model_cache_mb: {
    flag: '--model-cache-mb <n>',
    syntax: 'number',
    summary: 'disk for models and data; the longest unused go first'
  },
  provider: {
    flag: '--provider <name>',
    syntax: 'text',
    summary: `what runs the models: ${PROVIDERS.join(', ')}; see GPU in the README`
  },
  drain_grace_ms: {
    flag: '--drain-grace-ms <n>',
    syntax: 'number',
    summary: 'how long running units may go on after the first Ctrl-C'
  },
  log_level: { flag: '--log-level <level>', syntax: 'text', summary: 'how much is logged' },
  drill: {
    flag: '--drill-forge-outputs',
    syntax: 'drill',
    summary: 'a drill: lie about every output, to see the mesh catch it'
  }
}

export const SETTING_KEYS = Object.keys(SETTINGS).filter((key): key is SettingKey =>
  Object.hasOwn(SETTINGS, key)
)

/** Half of the machine; one core is left to the network. `mesh` has none: it must be named. */
export const defaults = (): Omit<NodeSettings, 'mesh'> => ({
  bootstrap: [],
  data: defaultData(),
  listen: ['/ip4/0.0.0.0/tcp/0'],
  announce: [],
  relay: false,
  owner: null,
  kinds: null,
  pod: [],
  zones: [],
  region: null,
  tenants: null,
  slots: Math.max(1, availableParallelism() - 1),
  queue: 16,
  memory_mb: Math.max(512, Math.floor(totalmem() / 2 ** 21)),
  model_cache_mb: 10_240,
  provider: 'cpu',
  drain_grace_ms: 10_000,
  log_level: 'info',
  drill: null
})

export const defaultData = (): string => join(homedir(), '.krako')

export const envName = (key: SettingKey): string => `KRAKO_${key.toUpperCase()}`

/** A flag's or a variable's value as the setting's type; what it is worth is judged afterwards. */
export function readWritten(key: SettingKey, written: unknown): unknown {
  switch (SETTINGS[key].syntax) {
    case 'text':
      return written
    case 'list':
      return Array.isArray(written) ? written.flatMap(splitList) : splitList(written)
    case 'number':
      return typeof written === 'string' && /^\d+$/.test(written) ? Number(written) : written
    case 'switch':
      return written === '1' || written === 'true' ? true : written === '0' ? false : written
    case 'tiers':
      return written === true || written === '' ? POD_TIERS_DEFAULT : splitList(written)
    case 'drill':
      return written === true || written === '1' ? DRILLS[0] : written
  }
}

const splitList = (written: unknown): unknown[] =>
  typeof written === 'string' ? written.split(',').map((part) => part.trim()) : [written]
