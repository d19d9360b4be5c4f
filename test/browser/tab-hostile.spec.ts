/**
 * What hostile peers send to a tab: forged words, wrong bytes, bytes without end. The tab runs nothing
 * of it, says why, and goes on with the next honest unit of its gateway, which a test drives by hand.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Libp2p, Stream } from '@libp2p/interface'
import type { Page } from 'playwright-core'
import { encodeValue, FRAME_BYTES_MAX, parseLeaseId, sealFrame, type WorkUnit } from '#contracts'
import { LINK_PROTOCOLS, nodeSigner } from '#mesh-node'
import type { TabView } from '../../browser-node/tab-contract.ts'
import { unitOf } from '../support/agent-fixtures.ts'
import { bareListener } from '../support/bare-host.ts'
import { HandGateway, LARGE_BYTES } from '../support/hand-gateway.ts'
import { HostileBlobs } from '../support/hostile-blobs.ts'
import { OTHER_MESH, seed } from '../support/mesh-fixtures.ts'
import { Started, until } from '../support/mesh-hosts.ts'
import { bundleEntry, type EntryBundle } from './support/bundle-entry.ts'
import { LOGGED_DIALS, PATIENCE_MS } from './support/donate-mesh.ts'
import { useBrowser } from './support/use-browser.ts'

const WEB_SOCKET = '/ip4/127.0.0.1/tcp/0/ws'
/** More than any link may have on its way; whoever sends more without being cut off sends for ever. */
const FLOOD_BYTES_MAX = 64 * 1024 * 1024

const echoOf = (index: number, inputs: WorkUnit['inputs']): WorkUnit =>
  unitOf(index, { kind: 'deterministic', model: { cid: null, handler: 'echo' }, inputs })

describe('a tab among hostile peers', function () {
  this.timeout(3 * PATIENCE_MS)
  let bundle: EntryBundle | undefined
  const suite = useBrowser({
    folders: async () => {
      bundle = await bundleEntry('test/browser/support/tab-entry.ts')
      return [bundle.dir]
    },
    expected: LOGGED_DIALS
  })
  const started = new Started()
  let blobs: HostileBlobs
  let gateway: HandGateway
  let page: Page

  beforeEach(async () => {
    blobs = new HostileBlobs()
    gateway = started.add(await HandGateway.start(blobs, [WEB_SOCKET]), (one) => one.stop())
  })
  afterEach(async () => {
    await page.close()
    await started.endAll()
    deepEqual(suite().browser.faults(), [])
  })
  after(() => bundle?.remove())

  const call = (method: string, ...args: readonly unknown[]): Promise<unknown> =>
    page.evaluate(([name, given]) => Reflect.get(globalThis, 'bench')[String(name)](...given), [
      method,
      args
    ] as const)
  const view = async (): Promise<TabView> => (await call('view')) as TabView

  /** A tab that has joined and asked for work, by these peers beside its gateway. */
  async function join(more: readonly string[] = []): Promise<void> {
    const { browser, server } = suite()
    page = await browser.open(server.url)
    await page.waitForFunction('globalThis.bench !== undefined')
    const peers = [gateway.address, ...more].map((peer) => `&peer=${peer}`).join('')
    await call('open', `${server.url}#mesh=${gateway.genesis.id}${peers}`)
    await call('start')
    await until(() => gateway.bodies('claim').length > 0, 'a claim', PATIENCE_MS)
  }

  async function echoes(index: number, bytes: Uint8Array): Promise<void> {
    const heard = gateway.attestations().length
    const { input } = await gateway.input('honest', bytes)
    gateway.grant([echoOf(index, [input])])
    await until(() => gateway.attestations().length > heard, 'an honest unit', PATIENCE_MS)
  }

  it('takes no word that its gateway did not sign for this mesh, and comes back', async () => {
    await join()
    const body = { v: 1 as const, leases: [] }
    const bad = [
      sealFrame(
        { kind: 'reveal', body },
        { mesh: gateway.genesis.id, signer: nodeSigner(seed(9)) }
      ),
      sealFrame({ kind: 'reveal', body }, { mesh: OTHER_MESH, signer: nodeSigner(seed(77)) }),
      Uint8Array.of(99, 1, 2, 3)
    ]
    for (const [round, bytes] of bad.entries()) {
      gateway.link.send(bytes)
      const hellos = () => gateway.bodies('hello').length
      await until(() => hellos() === round + 2, `hello after refusal ${round + 1}`, PATIENCE_MS)
      await until(() => gateway.isLinked, 'a link again', PATIENCE_MS)
    }
    await echoes(1, Uint8Array.of(1))
  })

  it('fails a forged unit and runs the honest one', async () => {
    await join()
    gateway.grant([echoOf(1, [])])
    await until(() => gateway.attestations().length === 1, 'the honest unit', PATIENCE_MS)
    const lease_id = parseLeaseId(`l${'1'.repeat(32)}`)
    const forged = { attempt: 1, expires_at_ms: 0, ttl_ms: 60_000, commit: false, lease_id }
    gateway.send({
      kind: 'grant',
      body: { v: 1, leases: [{ ...forged, unit: encodeValue({ v: 1 }) }], blobs: [] }
    })
    await until(() => gateway.bodies('failure').length > 0, 'the failure', PATIENCE_MS)
    equal(gateway.bodies('failure')[0]?.failures[0]?.code, 'unit.malformed')
    await echoes(2, Uint8Array.of(2))
  })

  it('runs no unit on bytes that are others than their ids name', async () => {
    await join()
    const { input } = await gateway.input('x', new Uint8Array(LARGE_BYTES))
    blobs.lies.set(input.cid, new Uint8Array(LARGE_BYTES).fill(7))
    gateway.grant([echoOf(1, [input])])
    await until(() => gateway.bodies('failure').length > 0, 'the failure', PATIENCE_MS)
    equal(gateway.bodies('failure')[0]?.failures[0]?.code, 'blob.mismatch')
    equal(gateway.attestations().length, 0)
    const { lines, current } = await view()
    deepEqual(current, [])
    ok(lines.every(({ state, creditMicro }) => state !== 'cleared' && creditMicro === 0))
  })

  it('cuts off whoever streams without end, on whatever link, and goes on', async () => {
    const flooder = await bareListener(started, 9)
    await join([String(flooder.getMultiaddrs()[0])])
    await until(() => flooder.getPeers().length > 0, 'the tab dials the flooder', PATIENCE_MS)
    for (const kind of ['work', 'blob', 'sync'] as const) {
      const sent = await flood(flooder, LINK_PROTOCOLS[kind])
      ok(sent < FLOOD_BYTES_MAX, `${kind}: ${sent} bytes`)
    }
    await echoes(1, Uint8Array.of(1))
    const { phase, traffic } = await view()
    equal(phase, 'waiting')
    ok(traffic.downBytes < FLOOD_BYTES_MAX)
  })

  /** One frame that is longer than any may be, and never ends. Gives the bytes until it was cut off. */
  async function flood(host: Libp2p, protocol: string): Promise<number> {
    const [peer] = host.getPeers()
    ok(peer !== undefined)
    const stream = await host.dialProtocol(peer, protocol)
    const head = new Uint8Array(4)
    new DataView(head.buffer).setUint32(0, FRAME_BYTES_MAX + 1)
    stream.send(head)
    return pour(stream)
  }

  async function pour(stream: Stream): Promise<number> {
    const part = new Uint8Array(256 * 1024)
    let sent = 0
    while (stream.status === 'open' && sent < FLOOD_BYTES_MAX) {
      const isRoom = stream.send(part)
      sent += part.length
      await until(
        () => isRoom || stream.status !== 'open' || stream.writableNeedsDrain === false,
        'room',
        PATIENCE_MS
      )
      await new Promise((resolve) => setImmediate(resolve))
    }
    return sent
  }
})
