/** The settings of a control node: flags over environment over the YAML file over defaults. */

import { parse } from 'yaml'
import { z } from 'zod'
import { CONTROL_CLIENTS_MAX, MeshError, readShape } from '#contracts'
import { type AllowedClient, parseAllowed } from '../../drivers/allowed-client.ts'
import { readBounded } from './submission.ts'

export interface ControlFlags {
  readonly data: string
  readonly mesh?: string
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  readonly config?: string
  readonly localNodes: number
  readonly port?: number
  readonly allow?: readonly AllowedClient[]
}

export interface ControlSettings {
  readonly data: string
  readonly mesh: string | null
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  readonly localNodes: number
  readonly port: number
  readonly allow: readonly AllowedClient[]
}

const CONFIG_BYTES_MAX = 64 * 1024
const LISTEN_DEFAULT = '/ip4/127.0.0.1/tcp/0'

const ConfigFile = z.strictObject({
  mesh: z.string().optional(),
  listen: z.array(z.string()).optional(),
  bootstrap: z.array(z.string()).optional(),
  local_nodes: z.int().min(0).max(64).optional(),
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
    .optional()
})

export function controlSettings(flags: ControlFlags): ControlSettings {
  const file = flags.config === undefined ? {} : readConfig(flags.config)
  const listen = flags.listen.length > 0 ? flags.listen : (file.listen ?? [LISTEN_DEFAULT])
  return {
    data: flags.data,
    mesh: flags.mesh ?? file.mesh ?? null,
    listen,
    bootstrap: flags.bootstrap.length > 0 ? flags.bootstrap : (file.bootstrap ?? []),
    localNodes: flags.localNodes > 0 ? flags.localNodes : (file.local_nodes ?? 0),
    allow: [...(file.allow ?? []), ...(flags.allow ?? [])],
    port: flags.port !== undefined && flags.port > 0 ? flags.port : (file.port ?? 0)
  }
}

function readConfig(path: string): z.infer<typeof ConfigFile> {
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
