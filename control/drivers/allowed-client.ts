/** A client as an operator lists it, in a flag or a file. Reads text; asks no ledger whether the tenant is there. */
import { MeshError, NAME_CHARS_MAX, type PeerId, parsePeerId } from '#contracts'

/** One client that the operator lets in; what is null follows from the mesh. */
export interface AllowedClient {
  readonly client: PeerId
  /** null: the first tenant of the genesis. */
  readonly tenant: string | null
  /** What the tenant may spend in all, in micro-credits; null: what it was granted before. */
  readonly grantMicro: number | null
}

const ALLOWED = /^(?<client>[^=]+)(?:=(?<tenant>[^=:]+)(?::(?<grant>\d{1,16}))?)?$/

/** Reads `<peer id>[=<tenant>[:<micro-credits>]]`; null where it is not that. */
export function parseAllowed(text: string): AllowedClient | null {
  const { client = '', tenant, grant } = ALLOWED.exec(text)?.groups ?? {}
  const grantMicro = grant === undefined ? null : Number(grant)
  if ((tenant ?? '').length > NAME_CHARS_MAX || !Number.isSafeInteger(grantMicro ?? 0)) return null
  try {
    return { client: parsePeerId(client), tenant: tenant ?? null, grantMicro }
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return null
  }
}
