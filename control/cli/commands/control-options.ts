/** The settings of a control node: flags over environment over the YAML file over defaults. */

import { parse } from 'yaml'
import { z } from 'zod'
import { CONTROL_CLIENTS_MAX, LOCAL_NODES_MAX, MeshError, readShape } from '#contracts'
import { type AllowedClient, parseAllowed } from '../../drivers/allowed-client.ts'
import { readBounded } from './submission.ts'

export interface ControlFlags {
  readonly data: string
  readonly mesh?: string
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  readonly config?: string
  readonly localNodes?: number
  readonly port?: number
  readonly allow?: readonly AllowedClient[]
  readonly page?: boolean
  readonly purpose?: string
  readonly pageHost?: string
  readonly pagePort?: number
  readonly pageUrl?: string
  readonly pageCert?: string
  readonly pageKey?: string
}

export interface ControlSettings {
  readonly data: string
  readonly mesh: string | null
  readonly listen: readonly string[]
  /** Whether the operator said so, or it is the default. */
  readonly listenIsGiven: boolean
  readonly bootstrap: readonly string[]
  /** Null: nobody said. */
  readonly localNodes: number | null
  readonly port: number
  readonly allow: readonly AllowedClient[]
  readonly page: PageSettings
}

/** The donate page of `kora up`. */
export interface PageSettings {
  readonly isOn: boolean
  /** What the mesh is for; null: as it was said before. */
  readonly purpose: string | null
  readonly host: string
  /** Null: the one that the links of this folder name. */
  readonly port: number | null
  readonly url: string | null
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null
}

const CONFIG_BYTES_MAX = 64 * 1024
const LISTEN_DEFAULT = '/ip4/127.0.0.1/tcp/0'
const PAGE_HOST_DEFAULT = '127.0.0.1'

const ConfigFile = z.strictObject({
  mesh: z.string().optional(),
  listen: z.array(z.string()).optional(),
  bootstrap: z.array(z.string()).optional(),
  local_nodes: z.int().min(0).max(LOCAL_NODES_MAX).optional(),
  port: z.int().min(0).max(65_535).optional(),
  allow: z
    .array(
      z.string().transform((text, context) => {
        const allowed = parseAllowed(text)
        if (allowed !== null) return allowed
        context.addIssue('<peer id>, <peer id>=<tenant> or <peer id>=<tenant>:<micro-credits>')
        return z.NEVER
      })
    )
    .max(CONTROL_CLIENTS_MAX)
    .optional(),
  page: z.boolean().optional(),
  purpose: z.string().optional(),
  page_host: z.string().optional(),
  page_port: z.int().min(0).max(65_535).optional(),
  page_url: z.string().optional(),
  page_cert: z.string().optional(),
  page_key: z.string().optional()
})
type ConfigFile = z.infer<typeof ConfigFile>

/**
 * Work that two owners must agree on waits for a second one: with the first donor of a page that is a
 * node of the operator's own.
 */
export const NODES_BESIDE_PAGE = 1

export function controlSettings(flags: ControlFlags): ControlSettings {
  const file: ConfigFile = flags.config === undefined ? {} : readConfig(flags.config)
  const given = flags.listen.length > 0 ? flags.listen : file.listen
  return {
    data: flags.data,
    mesh: flags.mesh ?? file.mesh ?? null,
    listen: given ?? [LISTEN_DEFAULT],
    listenIsGiven: given !== undefined,
    bootstrap: flags.bootstrap.length > 0 ? flags.bootstrap : (file.bootstrap ?? []),
    localNodes: flags.localNodes ?? file.local_nodes ?? null,
    allow: [...(file.allow ?? []), ...(flags.allow ?? [])],
    port: flags.port !== undefined && flags.port > 0 ? flags.port : (file.port ?? 0),
    page: pageSettings(flags, file)
  }
}

function pageSettings(flags: ControlFlags, file: ConfigFile): PageSettings {
  const certFile = flags.pageCert ?? file.page_cert
  const keyFile = flags.pageKey ?? file.page_key
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new MeshError('cli.usage', { missing: certFile === undefined ? 'page cert' : 'page key' })
  }
  return {
    isOn: flags.page !== false && file.page !== false,
    purpose: flags.purpose ?? file.purpose ?? null,
    host: flags.pageHost ?? file.page_host ?? PAGE_HOST_DEFAULT,
    port: flags.pagePort ?? file.page_port ?? null,
    url: flags.pageUrl ?? file.page_url ?? null,
    tls: certFile === undefined || keyFile === undefined ? null : { certFile, keyFile }
  }
}

function readConfig(path: string): ConfigFile {
  const text = new TextDecoder().decode(readBounded(path, CONFIG_BYTES_MAX))
  let plain: unknown
  try {
    plain = parse(text, { maxAliasCount: 0 })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MeshError('config.malformed', { file: path, reason }, { cause })
  }
  return readShape(ConfigFile, plain ?? {}, 'config.malformed')
}
