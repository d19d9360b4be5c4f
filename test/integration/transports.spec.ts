/** Real hosts over WebSockets, WebRTC-Direct and a relay: who reaches whom, and who comes back. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import dgram from 'node:dgram'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { MeshError, RELAY_CONNECTION_BYTES_MAX } from '#contracts'
import { BlobExchange, type Link, type MeshNetwork } from '#mesh-node'
import { MemoryBlobs } from '#mesh-node/store'
import { gaterFor } from '../../mesh-node/net/network.ts'
import { withCode } from '../support/mesh-fixtures.ts'
import { drawnBytes, Started, type TestChild, until } from '../support/mesh-hosts.ts'

const Hello = z.object({ peer: z.string(), addresses: z.array(z.string()) })
const WEB_SOCKET = '/ip4/127.0.0.1/tcp/0/ws'
const WEB_RTC = '/ip4/127.0.0.1/udp/0/webrtc-direct'
const BY_RELAY = '/p2p-circuit'
/** A peer that falls silent on WebRTC is given up after 15 s. */
const SLOW_MS = 30_000

const addressOver = (addresses: readonly string[], transport: string): string =>
  addresses.find((address) => address.includes(transport)) ?? ''

/** Sends a frame and gives what comes back. */
async function echo(link: Link, bytes: Uint8Array): Promise<Uint8Array> {
  const back = Promise.withResolvers<Uint8Array>()
  link.onFrame(back.resolve)
  link.send(bytes)
  return back.promise
}

const echoAll = (host: MeshNetwork): void =>
  host.onLink('work', (link) => link.onFrame((frame) => link.send(frame)))

const sharing = (network: MeshNetwork): { store: MemoryBlobs; exchange: BlobExchange } => {
  const store = new MemoryBlobs()
  return { store, exchange: new BlobExchange({ network, store }) }
}

describe('hosts that listen for tabs', () => {
  const started = new Started()
  afterEach(() => started.endAll())

  for (const [name, listen] of [
    ['WebSockets', WEB_SOCKET],
    ['WebRTC-Direct', WEB_RTC]
  ] as const) {
    it(`carry work and blobs over ${name}`, async () => {
      const one = await started.host(1, { listen: [listen] })
      const two = await started.host(2, { listen: [], bootstrap: one.addresses() })
      deepEqual(two.peers(), [one.peerId])
      echoAll(one)
      const frame = drawnBytes(300_000)
      deepEqual(await echo(await two.openLink(one.peerId, 'work'), frame), frame)
      const far = sharing(one)
      const near = sharing(two)
      const blob = drawnBytes(1_000_000)
      const cid = await far.store.put(blob)
      deepEqual(await near.exchange.fetchBytes(cid, { from: [one.peerId] }), blob)
    })
  }

  it('keep one connection to a peer that has several addresses', async () => {
    const one = await started.host(1, { listen: ['/ip4/127.0.0.1/tcp/0', WEB_SOCKET, WEB_RTC] })
    equal(one.addresses().length, 3)
    let connections = 0
    one.onPeer(() => connections++)
    const two = await started.host(2, { listen: [], bootstrap: one.addresses() })
    await until(() => one.peers().length === 1, 'the peer connects')
    deepEqual(two.peers(), [one.peerId])
    equal(connections, 1)
  })

  it('keep the address over WebRTC-Direct over a start, and the key to themselves', async () => {
    const certificateFile = join(await started.folder(), 'webrtc.json')
    const hash = async (fill: number): Promise<string | undefined> => {
      const host = await started.host(fill, { listen: [WEB_RTC], certificateFile })
      return /certhash\/([^/]+)/.exec(host.addresses()[0] ?? '')?.[1]
    }
    const first = await hash(1)
    ok(first !== undefined)
    equal(await hash(2), first)
    equal((await stat(certificateFile)).mode & 0o777, 0o600)
    ok((await readFile(certificateFile, 'utf8')).includes('PRIVATE KEY'))
  })

  it('refuse a certificate file that is damaged, and leave it as it is', async () => {
    const certificateFile = join(await started.folder(), 'webrtc.json')
    await writeFile(certificateFile, '{"privateKey":1}')
    const opening = started.host(1, { listen: [WEB_RTC], certificateFile })
    await rejects(opening, withCode('identity.unusable'))
    equal(await readFile(certificateFile, 'utf8'), '{"privateKey":1}')
  })

  it('refuse a UDP port that another program holds and name the address', async () => {
    const socket = dgram.createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    started.add(socket, (one) => new Promise<void>((resolve) => one.close(() => resolve())))
    const address = `/ip4/127.0.0.1/udp/${socket.address().port}/webrtc-direct`
    await rejects(
      started.host(1, { listen: [address] }),
      (error: MeshError) => withCode('net.port_in_use')(error) && error.facts['address'] === address
    )
  })
})

describe('a relay', () => {
  const started = new Started()
  afterEach(() => started.endAll())

  const relay = (listen: readonly string[] = [WEB_SOCKET]): Promise<MeshNetwork> =>
    started.host(1, { listen, relay: true })

  /** Two hosts that listen nowhere, each with a place at the relay. */
  async function hidden(bootstrap: readonly string[]): Promise<[MeshNetwork, MeshNetwork]> {
    const two = await started.host(2, { listen: [BY_RELAY], bootstrap })
    const three = await started.host(3, { listen: [BY_RELAY], bootstrap })
    await until(() => two.addresses().length > 0, 'the relay lends an address')
    return [two, three]
  }

  it('brings together two hosts that listen nowhere, and blobs between them', async () => {
    const one = await relay()
    const [two, three] = await hidden(one.addresses())
    ok(two.addresses().every((address) => address.includes(`${one.peerId}/p2p-circuit`)))
    equal(await three.dial(two.addresses()[0] ?? ''), two.peerId)
    echoAll(two)
    const frame = drawnBytes(100_000)
    deepEqual(await echo(await three.openLink(two.peerId, 'work'), frame), frame)
    const far = sharing(two)
    const near = sharing(three)
    const blob = drawnBytes(1_000_000)
    const cid = await far.store.put(blob)
    deepEqual(await near.exchange.fetchBytes(cid, { from: [two.peerId] }), blob)
  })

  it('is nobody who was not asked to be one', async () => {
    const one = await started.host(1, { listen: [WEB_SOCKET] })
    const two = await started.host(2, { listen: [BY_RELAY], bootstrap: one.addresses() })
    const three = await started.host(3, { listen: [BY_RELAY], bootstrap: one.addresses() })
    const around = `${one.addresses()[0]}/p2p-circuit/p2p/${two.peerId}`
    await rejects(three.dial(around), withCode('net.unreachable'))
    deepEqual(two.addresses(), [])
  })

  it('cuts a connection that carries more than it lends', async () => {
    const one = await relay()
    const [two, three] = await hidden(one.addresses())
    await three.dial(two.addresses()[0] ?? '')
    const far = sharing(two)
    const near = sharing(three)
    const cid = await far.store.put(drawnBytes(RELAY_CONNECTION_BYTES_MAX + 1_000_000))
    const fetched = near.exchange.fetchBytes(cid, { from: [two.peerId] })
    await rejects(fetched, (error) => error instanceof MeshError)
    equal(await near.store.has(cid), false)
    ok(three.peers().includes(one.peerId))
  })

  it('that was killed and comes back lends addresses again', async () => {
    const certificate = join(await started.folder(), 'webrtc.json')
    const begin = async (
      listen: readonly string[]
    ): Promise<{ child: TestChild; addresses: readonly string[] }> => {
      const child = await started.child('relay-child.ts', certificate, ...listen)
      return { child, addresses: Hello.parse(await child.next()).addresses }
    }
    const { child, addresses } = await begin([WEB_SOCKET, WEB_RTC])
    const [two, three] = await hidden([addressOver(addresses, '/ws')])
    const before = two.addresses()
    await child.kill()
    await until(() => two.peers().length === 0, 'the relay is gone')
    await until(() => two.addresses().length === 0, 'and the address with it')
    await begin(addresses.map((address) => address.replace(/\/(p2p|certhash)\/.*/, '')))
    await until(() => two.addresses().length > 0, 'an address again', SLOW_MS)
    deepEqual(two.addresses(), before)
    await until(() => three.peers().length > 0, 'the other one is back too', SLOW_MS)
    equal(await three.dial(before[0] ?? ''), two.peerId)
  }).timeout(2 * SLOW_MS)
})

describe('a host that is told of its line', () => {
  const started = new Started()
  afterEach(() => started.endAll())

  it('dials nobody off line, and at once when it is back', async () => {
    const one = await started.host(1)
    const address = one.addresses()[0] ?? ''
    const two = await started.host(2, { bootstrap: [address] })
    two.setOnline(false)
    await one.stop()
    await until(() => two.peers().length === 0, 'the peer is gone')
    const again = await started.host(1, { listen: [address.replace(/\/p2p\/.*/, '')] })
    // as long as three tries take: a host that may dial has done so by then
    await rejects(until(() => two.peers().length > 0, 'a dial off line', 1_500))
    two.setOnline(true)
    await until(() => two.peers().includes(again.peerId), 'the peer is back', 1_000)
  })

  it('finds out that a connection died while nobody looked', async () => {
    const child = await started.child('net-child.ts', '1')
    const { address } = z.object({ address: z.string() }).parse(await child.next())
    const two = await started.host(2, { bootstrap: [address] })
    equal(two.peers().length, 1)
    child.pause()
    two.setOnline(true)
    await until(() => two.peers().length === 0, 'the silent peer is given up', 6_000)
  })
})

describe('the gater of a page', () => {
  const LOCAL = [
    '/ip4/127.0.0.1/tcp/1/ws',
    '/ip4/192.168.1.7/udp/1/webrtc-direct',
    '/ip4/10.1.2.3/tcp/1/ws',
    '/ip4/169.254.1.1/tcp/1/ws',
    '/ip6/::1/tcp/1/ws',
    '/ip6/fe80::1/tcp/1/ws',
    '/dns4/localhost/tcp/1/ws',
    '/dns4/printer.local/tcp/1/ws'
  ]
  const PUBLIC = '/ip4/8.8.8.8/udp/1/webrtc-direct'
  const refuses = async (bootstrap: string, address: string): Promise<boolean> =>
    (await gaterFor([bootstrap]).denyDialMultiaddr?.(multiaddr(address))) === true

  for (const address of LOCAL) {
    it(`lets a page of a public mesh not knock at ${address}`, async () => {
      equal(await refuses(PUBLIC, address), true)
      equal(await refuses(address, address), false)
      equal(await refuses(address, PUBLIC), false)
    })
  }

  it('lets a page dial what is public, WebSockets without TLS included', async () => {
    equal(await refuses(PUBLIC, PUBLIC), false)
    equal(await refuses(PUBLIC, '/ip4/8.8.8.8/tcp/1/ws'), false)
  })
})
