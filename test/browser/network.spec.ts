/** Tabs in a real Chromium and a node in Node: who reaches whom over what a browser has. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { z } from 'zod'
import { bytesToHex } from '#contracts'
import type { MeshNetwork } from '#mesh-node'
import { MESH, seed } from '../support/mesh-fixtures.ts'
import { Started, type TestChild, until } from '../support/mesh-hosts.ts'
import { bundleEntry, type EntryBundle } from './support/bundle-entry.ts'
import { useBrowser } from './support/use-browser.ts'

const LISTEN = ['/ip4/127.0.0.1/tcp/0/ws', '/ip4/127.0.0.1/udp/0/webrtc-direct']
const PATIENCE_MS = 30_000
const Hello = z.object({ peer: z.string(), addresses: z.array(z.string()) })
const Joined = z.object({ peer: z.string(), joinMs: z.number() })

describe('the network of a tab', function () {
  this.timeout(8 * PATIENCE_MS)
  let bundle: EntryBundle | undefined
  const suite = useBrowser({
    folders: async () => {
      bundle = await bundleEntry('test/browser/support/network-entry.ts')
      return [bundle.dir]
    },
    // a browser logs every dial that nobody answers, before a page can
    expected: /net::ERR_|WebSocket connection to/
  })
  after(() => bundle?.remove())
  const started = new Started()
  afterEach(async () => {
    await started.endAll()
    deepEqual(suite().browser.faults(), [])
  })

  const call = (page: Page, method: string, ...args: readonly unknown[]): Promise<unknown> =>
    page.evaluate(([name, given]) => Reflect.get(globalThis, 'bench')[String(name)](...given), [
      method,
      args
    ] as const)
  const texts = async (page: Page, method: string): Promise<readonly string[]> =>
    z.array(z.string()).parse(await call(page, method))

  async function tab(
    fill: number,
    bootstrap: readonly string[],
    prepare: (page: Page) => Promise<void> = async () => {}
  ) {
    const { browser, server } = suite()
    const page = started.add(await browser.open(server.url), (one) => one.close())
    await page.waitForFunction('globalThis.bench !== undefined')
    await prepare(page)
    const order = { seed: bytesToHex(seed(fill)), mesh: MESH, bootstrap }
    return { page, ...Joined.parse(await call(page, 'join', order)) }
  }

  async function node(): Promise<{ host: MeshNetwork; heard: string[] }> {
    const host = await started.host(1, { listen: LISTEN, relay: true })
    const heard: string[] = []
    host.onLink('work', (link) => link.onFrame((frame) => void link.send(frame)))
    host.subscribe('work', {
      validate: () => 'accept',
      deliver: (bytes, from) => void heard.push(`${from} ${bytes.join()}`)
    })
    return { host, heard }
  }

  for (const transport of ['/ws/', '/webrtc-direct/']) {
    it(`joins over ${transport.slice(1, -1)}, gossips both ways and carries frames`, async () => {
      const { host, heard } = await node()
      const address = host.addresses().find((one) => one.includes(transport)) ?? ''
      const { page, peer, joinMs } = await tab(2, [address])
      deepEqual(await texts(page, 'peers'), [host.peerId])
      ok(joinMs < 5_000, `${joinMs} ms`)
      await until(
        () => host.subscribers('work').length > 0,
        'the node hears of the tab',
        PATIENCE_MS
      )
      await until(
        async () => (await texts(page, 'listeners')).length > 0,
        'the tab hears of the node',
        PATIENCE_MS
      )
      await call(page, 'say', [1, 2])
      await host.publish('work', Uint8Array.of(3, 4))
      await until(() => heard.length > 0, 'gossip from the tab', PATIENCE_MS)
      deepEqual(heard, [`${peer} 1,2`])
      await until(async () => (await texts(page, 'heard')).length > 0, 'gossip to it', PATIENCE_MS)
      deepEqual(await texts(page, 'heard'), [`${host.peerId} 3,4`])
      for (const length of [0, 1, 70_000, 1_000_000]) {
        equal(await call(page, 'echo', host.peerId, length), true, `${length} bytes`)
      }
    })
  }

  it('reaches another tab without the relay that brought them together', async () => {
    const { host } = await node()
    const [one, two] = [await tab(2, host.addresses()), await tab(3, host.addresses())]
    const direct = async (): Promise<string | undefined> =>
      (await texts(one.page, 'addresses')).find((address) => address.includes('/webrtc/'))
    await until(async () => (await direct()) !== undefined, 'a place at the relay', PATIENCE_MS)
    // they look for each other too, and on a busy machine a first handshake may be given up
    const meets = async (): Promise<boolean> => {
      if ((await texts(two.page, 'peers')).includes(one.peer)) return true
      const address = await direct()
      return call(two.page, 'dial', address).then(
        (peer) => peer === one.peer,
        () => false
      )
    }
    await until(meets, 'the tabs are connected', PATIENCE_MS)
    equal(await call(two.page, 'echo', one.peer, 1_000_000), true)
    await host.stop()
    await until(
      async () => !(await texts(two.page, 'peers')).includes(host.peerId),
      'the relay is gone',
      PATIENCE_MS
    )
    ok((await texts(two.page, 'peers')).includes(one.peer))
    equal(await call(two.page, 'echo', one.peer, 70_000), true)
  })

  it('tries again where a first handshake with another tab was given up', async () => {
    const { host } = await node()
    const failsOnce = (page: Page): Promise<void> =>
      page.evaluate(() => {
        const { createOffer } = RTCPeerConnection.prototype
        RTCPeerConnection.prototype.createOffer = async (): Promise<never> => {
          RTCPeerConnection.prototype.createOffer = createOffer
          throw new DOMException('planted', 'OperationError')
        }
      })
    const tabs = [
      await tab(2, host.addresses(), failsOnce),
      await tab(3, host.addresses(), failsOnce)
    ]
    for (const { page } of tabs) {
      const ways = async (): Promise<string> => (await texts(page, 'connections')).join(' ')
      await until(
        async () => (await ways()).includes('/p2p-circuit/p2p'),
        'by the relay',
        PATIENCE_MS
      )
      await until(async () => (await ways()).includes('/webrtc'), 'without it', PATIENCE_MS)
    }
  })

  it('finds the other tabs of its mesh by itself, and a blob that only one of them has', async () => {
    const { host } = await node()
    const one = await tab(2, host.addresses())
    const placed = async (): Promise<boolean> =>
      (await texts(one.page, 'addresses')).some((address) => address.includes('/webrtc/'))
    await until(placed, 'a place at the relay', PATIENCE_MS)
    const cid = await call(one.page, 'keep', 1_000_000)
    // they know the node alone
    const [two, three] = [await tab(3, host.addresses()), await tab(4, host.addresses())]
    for (const { page, peer } of [one, two, three]) {
      const others = [one, two, three].map((other) => other.peer).filter((id) => id !== peer)
      const all = async (): Promise<boolean> => {
        const peers = await texts(page, 'peers')
        return others.every((other) => peers.includes(other))
      }
      await until(all, 'tabs that found each other', PATIENCE_MS)
    }
    // what goes through the node ends with it
    const isDirect = async (): Promise<boolean> =>
      (await texts(two.page, 'connections')).some(
        (way) => way.includes('/webrtc') && way.includes(one.peer)
      )
    // a handshake that was given up on a busy machine is begun anew some time later
    await until(isDirect, 'a way to the first without the node', 4 * PATIENCE_MS)
    await host.stop()
    equal(await call(two.page, 'fetch', cid, await texts(two.page, 'peers')), true)
  })

  it('comes back to a node that was killed, and gets its place at the relay again', async () => {
    const certificate = `${await started.folder()}/webrtc.json`
    const begin = async (listen: readonly string[]): Promise<[TestChild, readonly string[]]> => {
      const child = await started.child('relay-child.ts', certificate, ...listen)
      return [child, Hello.parse(await child.next('the relay')).addresses]
    }
    const [child, addresses] = await begin(LISTEN)
    const { page } = await tab(2, addresses)
    const places = async (): Promise<boolean> => (await texts(page, 'addresses')).length > 0
    await until(places, 'a place', PATIENCE_MS)
    await child.kill()
    await until(async () => (await texts(page, 'peers')).length === 0, 'gone', PATIENCE_MS)
    await begin(addresses.map((address) => address.replace(/\/(p2p|certhash)\/.*/, '')))
    await until(async () => (await texts(page, 'peers')).length > 0, 'back', PATIENCE_MS)
    await until(places, 'a place again', PATIENCE_MS)
  })

  it('dials nobody off line, and at once when the browser is back', async () => {
    const child = await started.child('relay-child.ts', '', '/ip4/127.0.0.1/tcp/0/ws')
    const [address = ''] = Hello.parse(await child.next('the relay')).addresses
    const { page } = await tab(2, [address])
    await page.context().setOffline(true)
    await child.kill()
    await until(async () => (await texts(page, 'peers')).length === 0, 'gone', PATIENCE_MS)
    const again = await started.child('relay-child.ts', '', address.replace(/\/p2p\/.*/, ''))
    await again.next('the relay again')
    deepEqual(await texts(page, 'peers'), [])
    await page.context().setOffline(false)
    await until(async () => (await texts(page, 'peers')).length > 0, 'back at once', 2_000)
  })
})
