/** The real gateway with whole nodes over the real network, a real ledger on disk and a real bill. */
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import { balancesSumToZero } from '#ledger'
import { ControlHost, joinedNode } from '../support/control-host.ts'
import { SESSION, unitOf } from '../support/gateway-mesh.ts'
import { withCode } from '../support/mesh-fixtures.ts'
import { Started, until } from '../support/mesh-hosts.ts'

describe('the gateway over the network', function () {
  this.timeout(60_000)
  let started: Started
  beforeEach(() => {
    started = new Started()
  })
  afterEach(() => started.endAll())

  async function control(dataDir?: string): Promise<ControlHost> {
    const host = await ControlHost.start({ dataDir: dataDir ?? (await started.folder()) })
    return started.add(host, async (one) => {
      await one.stop()
      deepEqual(one.fatal, [])
    })
  }

  it('leases units to nodes, accepts what they attest, and the fold bills it without a refusal', async () => {
    const host = await control()
    await joinedNode(started, host)
    await joinedNode(started, host)
    await until(() => host.connected().length === 2, 'two nodes', 20_000)
    await host.open()
    const units = Array.from({ length: 200 }, (_, index) => unitOf('noop', { index }))
    const agreed = unitOf('agreed', { verification: { mode: 'quorum', replicas: 2 } })
    host.gateway.submit(
      SESSION,
      [...units, agreed].map((unit) => ({ unit, edges: [] }))
    )
    const outcomes = await host.outcome(...units.map(({ id }) => id), agreed.id)
    ok(outcomes.every(({ status }) => status === 'success'))
    equal(host.outcomes.get(agreed.id)?.verification, 'agreed')
    const cid = outcomes[0]?.outputCid
    ok(cid != null && (await host.blobs.get(cid)) !== null, 'the output is in the store')
    await host.gateway.close(SESSION, 'success', '00'.repeat(32))
    deepEqual(host.ledger.fold.rejections(), [])
    ok(balancesSumToZero(host.ledger.fold.balances()))
    const history = await host.ledger.history(SESSION)
    equal(history?.units.get(agreed.id)?.accepted.length, 2)
    equal(history?.closed?.stopReason, 'success')
  })

  it('refuses units of a session that was never opened', async () => {
    const host = await control()
    throws(() => host.gateway.submit(SESSION, []), withCode('gateway.session_unknown'))
    await rejects(host.gateway.close(SESSION, 'success', ''), withCode('gateway.session_unknown'))
  })
})
