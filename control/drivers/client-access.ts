/**
 * Who may ask a control node over the network, and as which tenant: the operator says so, peer id by
 * peer id. Nobody else may; the control node's own key always may. Makes tenants that the operator
 * gives a grant to, once.
 */
import { type Genesis, MeshError, type PeerId } from '#contracts'
import { type Ledger, tenantAccount } from '#ledger'
import type { AllowedClient } from './allowed-client.ts'

export class ClientAccess {
  readonly #tenants: ReadonlyMap<PeerId, string>

  constructor(tenants: ReadonlyMap<PeerId, string>) {
    this.#tenants = tenants
  }

  /** The tenant that this client asks for; null: it may not ask. */
  tenantOf(client: PeerId): string | null {
    return this.#tenants.get(client) ?? null
  }
}

/** Throws `control.tenant_unknown` for a tenant that nobody ever gave anything. */
export async function openAccess(
  allowed: readonly AllowedClient[],
  ledger: Ledger
): Promise<ClientAccess> {
  const { genesis } = ledger.genesis
  const tenants = new Map<PeerId, string>([[genesis.sequencer, firstTenant(genesis)]])
  for (const { client, tenant, grantMicro } of allowed) {
    const named = tenant ?? firstTenant(genesis)
    if (grantMicro !== null) await grant(named, grantMicro, ledger)
    if (ledger.fold.balanceOf(tenantAccount(named)) === null)
      throw new MeshError('control.tenant_unknown', { tenant: named, client })
    tenants.set(client, named)
  }
  return new ClientAccess(tenants)
}

const firstTenant = ({ tenants, sequencer }: Genesis): string => tenants[0]?.id ?? sequencer

/** A grant is a level: saying it again changes nothing, and none is taken back. */
async function grant(tenant: string, grantMicro: number, ledger: Ledger): Promise<void> {
  const granted = ledger.fold.balanceOf(tenantAccount(tenant))?.creditsPosted ?? -1
  if (grantMicro <= granted) return
  await ledger.append([{ kind: 'tenant.admitted', body: { tenant, grant_micro: grantMicro } }])
}
