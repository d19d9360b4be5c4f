/** Real hosts over TCP on loopback: who reaches whom, what a link carries, what gossip refuses. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import net from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { FRAME_BYTES_MAX, GOSSIP_BYTES_MAX, type MeshError, parsePeerId } from '#contracts'
import {
  askStatus,
  createNetwork,
  LINK_PROTOCOLS,
  type Link,
  type MeshNetwork,
  serveStatus
} from '#mesh-node'
import { bareDialer, bareStream } from '../support/bare-host.ts'
import { MESH, OTHER_MESH, withCode } from '../support/mesh-fixtures.ts'
import { LOOPBACK, Started, until } from '../support/mesh-hosts.ts'

const addressOf = (host: MeshNetwork): string => host.addresses()[0] ?? ''
const ACCEPT_ALL = { validate: () => 'accept' as const, deliver: () => {} }

/** Two hosts, the second connected to the first. */
async function pair(started: Started): Promise<{ one: MeshNetwork; two: MeshNetwork }> {
  const one = await started.host(1)
  const two = await started.host(2, { bootstrap: [addressOf(one)] })
  return { one, two }
}

describe('the network', () => {
  const started = new Started()
  afterEach(() => started.endAll())

  it('names a host by its key and gives addresses that end in its id', async () => {
    const one = await started.host(1)
    ok(addressOf(one).endsWith(`/p2p/${one.peerId}`))
    const two = await started.host(2)
    equal(await two.dial(addressOf(one)), one.peerId)
    deepEqual(two.peers(), [one.peerId])
  })

  it('tells of peers that come and go', async () => {
    const one = await started.host(1)
    const seen: string[] = []
    one.onPeer((change, peer) => seen.push(`${change} ${peer}`))
    const two = await started.host(2, { bootstrap: [addressOf(one)] })
    await until(() => seen.length === 1, 'the peer connects')
    await two.stop()
    await until(() => seen.length === 2, 'the peer disconnects')
    deepEqual(seen, [`connected ${two.peerId}`, `disconnected ${two.peerId}`])
  })

  it('comes back to a bootstrap peer that starts again', async () => {
    const one = await started.host(1)
    const address = addressOf(one)
    const two = await started.host(2, { bootstrap: [address] })
    await one.stop()
    await until(() => two.peers().length === 0, 'the peer is gone')
    const again = await started.host(1, { listen: [address.replace(/\/p2p\/.*/, '')] })
    await until(() => two.peers().includes(again.peerId), 'the peer is back')
  })

  it('starts although a bootstrap peer does not answer, and says so', async () => {
    const warnings: object[] = []
    const logger = { debug: () => {}, warn: (facts: object) => warnings.push(facts) }
    await started.host(1, { bootstrap: ['/ip4/127.0.0.1/tcp/1'], logger })
    equal(warnings.length, 1)
  })

  it('refuses a port that another program holds and names the address', async () => {
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    started.add(server, (one) => new Promise((resolve) => one.close(resolve)))
    const held = server.address()
    const port = typeof held === 'object' ? held?.port : 0
    await rejects(
      started.host(1, { listen: [`/ip4/127.0.0.1/tcp/${port}`] }),
      (error: MeshError) =>
        withCode('net.port_in_use')(error) &&
        error.facts['address'] === `/ip4/127.0.0.1/tcp/${port}`
    )
  })

  it('refuses to listen on an address of another machine', async () => {
    await rejects(
      started.host(1, { listen: ['/ip4/192.0.2.1/tcp/0'] }),
      withCode('net.listen_failed')
    )
  })

  it('refuses addresses that are not TCP multiaddrs', async () => {
    const one = await started.host(1)
    for (const address of [
      '',
      'localhost:4001',
      '/ip4/300.1.1.1/tcp/1',
      '/ip4/127.0.0.1/udp/4001'
    ]) {
      await rejects(one.dial(address), withCode('net.address_malformed'), address)
    }
    await rejects(started.host(2, { listen: ['nowhere'] }), withCode('net.address_malformed'))
    await rejects(started.host(2, { bootstrap: ['nowhere'] }), withCode('net.address_malformed'))
  })

  it('says that nobody answers at an address', async () => {
    const one = await started.host(1)
    await rejects(one.dial('/ip4/127.0.0.1/tcp/1'), withCode('net.unreachable'))
    const stranger = parsePeerId('12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5')
    const two = await started.host(2)
    await rejects(two.openLink(stranger, 'work'), withCode('net.unreachable'))
  })

  it('refuses a peer whose id is not the one in the address', async () => {
    const { one, two } = await pair(started)
    const wrong = addressOf(one).replace(one.peerId, two.peerId)
    const three = await started.host(3)
    await rejects(three.dial(wrong), withCode('net.unreachable'))
  })

  it('refuses a seed of the wrong length', async () => {
    const options = { seed: new Uint8Array(31), mesh: MESH, listen: [LOOPBACK] }
    await rejects(createNetwork(options), withCode('contracts.key_malformed'))
  })
})

describe('a link', () => {
  const started = new Started()
  afterEach(() => started.endAll())

  /** A link from the second host to the first, with both ends in hand. */
  async function linked(): Promise<{ near: Link; far: Link; one: MeshNetwork; two: MeshNetwork }> {
    const { one, two } = await pair(started)
    const arrived = Promise.withResolvers<Link>()
    one.onLink('work', arrived.resolve)
    const near = await two.openLink(one.peerId, 'work')
    near.send(new Uint8Array([1]))
    const far = await arrived.promise
    return { near, far, one, two }
  }

  it('carries frames of every size whole and in order, both ways', async () => {
    const { near, far } = await linked()
    const sizes = [0, 1, 3, 4, 5, 400, 65_535, 65_536, 1_000_000, FRAME_BYTES_MAX, 7]
    const echoed: number[] = []
    far.onFrame((frame) => far.send(frame))
    near.onFrame((frame) => {
      ok(frame.every((byte) => byte === frame.length % 251))
      echoed.push(frame.length)
    })
    for (const size of sizes) {
      if (!near.send(new Uint8Array(size).fill(size % 251))) await near.drained()
    }
    await until(() => echoed.length === sizes.length + 1, 'all frames come back')
    deepEqual(echoed, [1, ...sizes])
  }).timeout(30_000)

  it('is the same link as long as it is open, and a new one afterwards', async () => {
    const { near, one, two } = await linked()
    equal(await two.openLink(one.peerId, 'work'), near)
    const [again, third] = await Promise.all([
      two.openLink(one.peerId, 'blob'),
      two.openLink(one.peerId, 'blob')
    ])
    equal(again, third)
    await near.close()
    const fresh = await two.openLink(one.peerId, 'work')
    ok(fresh !== near)
  })

  it('gives its listener the frames that came before it', async () => {
    const { near, far } = await linked()
    for (let index = 2; index <= 100; index++) near.send(new Uint8Array([index]))
    const seen: number[] = []
    far.onFrame((frame) => seen.push(frame[0] ?? -1))
    await until(() => seen.length === 100, 'frames arrive')
    deepEqual(
      seen,
      seen.map((_, index) => index + 1)
    )
  })

  it('delivers what was sent before it closes, and closes at both ends', async () => {
    const { near, far } = await linked()
    const seen: number[] = []
    const closes: unknown[] = []
    far.onFrame((frame) => seen.push(frame.length))
    far.onClose((fault) => closes.push(fault))
    near.onClose((fault) => closes.push(fault))
    for (let index = 0; index < 50; index++) near.send(new Uint8Array(10_000))
    await near.close()
    await until(() => closes.length === 2, 'both ends close')
    deepEqual(closes, [null, null])
    equal(seen.length, 51)
    equal(near.send(new Uint8Array(1)), false)
    await rejects(near.drained(), withCode('net.link_closed'))
  })

  it('says that it is full when the other end does not read, and drains when it does', async () => {
    const { near, far } = await linked()
    let sent = 0
    while (near.send(new Uint8Array(64 * 1024))) sent++
    sent++
    ok(sent < 200, `took ${sent} frames of 64 KiB before it was full`)
    let received = -1
    far.onFrame(() => received++)
    await near.drained()
    for (let index = 0; index < 300; index++) {
      sent++
      if (!near.send(new Uint8Array(64 * 1024))) await near.drained()
    }
    await until(() => received === sent, 'everything arrives')
  })

  it('closes when its owner sends on though it is full', async () => {
    const { near } = await linked()
    const fault = Promise.withResolvers<MeshError | null>()
    near.onClose(fault.resolve)
    for (let index = 0; index < 2_000; index++) near.send(new Uint8Array(64 * 1024))
    ok(withCode('net.link_overflow')(await fault.promise))
  })

  it('refuses to send a frame over the limit', async () => {
    const { near } = await linked()
    const tooLarge = new Uint8Array(FRAME_BYTES_MAX + 1)
    await rejects(async () => near.send(tooLarge), withCode('contracts.too_large'))
  })

  it('closes on a peer who announces a frame over the limit', async () => {
    const one = await started.host(1)
    const fault = Promise.withResolvers<MeshError | null>()
    one.onLink('work', (link) => {
      link.onFrame(() => {})
      link.onClose(fault.resolve)
    })
    const stream = await bareStream(started, addressOf(one), { protocol: LINK_PROTOCOLS.work })
    stream.send(new Uint8Array([0x00, 0x40, 0x00, 0x01]))
    ok(withCode('net.frame_too_large')(await fault.promise))
  })

  it('names the cut when the peer ends in the middle of a frame', async () => {
    const one = await started.host(1)
    const fault = Promise.withResolvers<MeshError | null>()
    one.onLink('work', (link) => {
      link.onFrame(() => {})
      link.onClose(fault.resolve)
    })
    const stream = await bareStream(started, addressOf(one), { protocol: LINK_PROTOCOLS.work })
    stream.send(new Uint8Array([0, 0, 0, 9, 1, 2, 3]))
    await stream.close()
    ok(withCode('net.link_closed')(await fault.promise))
  })

  it('closes when the other host stops', async () => {
    const { near, one } = await linked()
    const closed = Promise.withResolvers<MeshError | null>()
    near.onClose(closed.resolve)
    await one.stop()
    await closed.promise
  })

  it('gives way to a newer link of the same peer and kind', async () => {
    const one = await started.host(1)
    const closed: (MeshError | null)[] = []
    let links = 0
    one.onLink('work', (link) => {
      links++
      link.onFrame(() => {})
      link.onClose((fault) => closed.push(fault))
    })
    const dialer = await bareDialer(started)
    const address = multiaddr(addressOf(one))
    await dialer.dialProtocol(address, LINK_PROTOCOLS.work)
    await dialer.dialProtocol(address, LINK_PROTOCOLS.work)
    await until(() => links === 2 && closed.length === 1, 'the older link closes')
    equal(closed[0]?.facts['reason'], 'replaced')
  })

  it('waits for somebody who accepts its kind', async () => {
    const { one, two } = await pair(started)
    const near = await two.openLink(one.peerId, 'sync')
    near.send(new Uint8Array([7]))
    const seen = Promise.withResolvers<Uint8Array>()
    await until(() => one.peers().length === 1, 'connected')
    one.onLink('sync', (link) => link.onFrame(seen.resolve))
    equal((await seen.promise)[0], 7)
  })
})

describe('gossip', () => {
  const started = new Started()
  afterEach(() => started.endAll())

  it('reaches every subscriber of the mesh and nobody of another one', async () => {
    const one = await started.host(1)
    const bootstrap = [addressOf(one)]
    const others = [
      await started.host(2, { bootstrap }),
      await started.host(3, { bootstrap }),
      await started.host(4, { bootstrap, mesh: OTHER_MESH })
    ]
    const seen: string[] = []
    for (const host of others) {
      host.subscribe('work', {
        ...ACCEPT_ALL,
        deliver: (bytes) => seen.push(`${host.peerId} ${bytes[0]}`)
      })
    }
    const known = () => one.subscribers('work').length === 2
    await until(known, 'two subscribers are known')
    await one.publish('work', new Uint8Array([5]))
    await until(() => seen.length === 2, 'both hear it')
    deepEqual(seen.sort(), [`${others[0]?.peerId} 5`, `${others[1]?.peerId} 5`].sort())
  })

  it('delivers accepted messages alone, each once, and asks about each once', async () => {
    const { one, two } = await pair(started)
    const judged: number[] = []
    const delivered: number[] = []
    two.subscribe('ledger', {
      validate: ([first]) => {
        judged.push(first ?? -1)
        return first === 1 ? 'accept' : first === 2 ? 'reject' : 'ignore'
      },
      deliver: (bytes, from) => {
        equal(from, one.peerId)
        delivered.push(bytes[0] ?? -1)
      }
    })
    await until(() => one.subscribers('ledger').length === 1, 'the subscriber is known')
    for (const first of [2, 3, 1, 1]) await one.publish('ledger', new Uint8Array([first]))
    await until(() => delivered.length === 1 && judged.length === 3, 'the last one arrives')
    deepEqual([judged, delivered], [[2, 3, 1], [1]])
  })

  it('hears no more of a peer that goes on with what is no message', async () => {
    const { one, two } = await pair(started)
    let judged = 0
    const validate = () => {
      judged += 1
      return 'reject' as const
    }
    one.subscribe('work', { validate, deliver: () => {} })
    await until(() => two.subscribers('work').length === 1, 'the subscriber is known')
    let sent = 0
    const publishOne = async () => {
      sent += 1
      await two.publish('work', new Uint8Array([sent & 255, sent >> 8]))
    }
    await until(async () => {
      await publishOne()
      return sent - judged > 50
    }, 'the peer is not asked about any more')
    ok(judged >= 3)
  })

  it('refuses to publish more than a gossip message holds', async () => {
    const one = await started.host(1)
    const tooLarge = new Uint8Array(GOSSIP_BYTES_MAX + 1)
    await rejects(one.publish('work', tooLarge), withCode('contracts.too_large'))
    await one.publish('work', new Uint8Array(GOSSIP_BYTES_MAX))
  })
})

describe('a status link', () => {
  const started = new Started()
  afterEach(() => started.endAll())

  it('gives the document as it is when asked', async () => {
    const { one, two } = await pair(started)
    let asked = 0
    serveStatus(one, () => ({ asked: ++asked, peers: [...one.peers()] }))
    deepEqual(await askStatus(two, one.peerId), { asked: 1, peers: [two.peerId] })
    deepEqual(await askStatus(two, one.peerId), { asked: 2, peers: [two.peerId] })
    const together = await Promise.all([askStatus(two, one.peerId), askStatus(two, one.peerId)])
    deepEqual(together[0], together[1])
  })

  it('ends without an answer in time', async () => {
    const { one, two } = await pair(started)
    const asking = askStatus(two, one.peerId, { timeoutMs: 50 })
    await rejects(asking, withCode('net.unreachable'))
  })
})

describe('hosts in processes of their own', function () {
  // processes start slowly where many do
  this.timeout(60_000)
  const started = new Started()
  afterEach(() => started.endAll())
  const Hello = z.object({ peer: z.string(), address: z.string() })

  it('find each other, echo frames, gossip, and notice a kill', async () => {
    const one = await started.host(1)
    const child = await started.child('net-child.ts', '2', addressOf(one))
    const { peer } = Hello.parse(await child.next())
    const link = await one.openLink(parsePeerId(peer), 'work')
    const echoed = Promise.withResolvers<Uint8Array>()
    link.onFrame(echoed.resolve)
    link.send(new Uint8Array([1, 2, 3]))
    deepEqual([...(await echoed.promise)], [1, 2, 3])

    const heard = Promise.withResolvers<Uint8Array>()
    one.subscribe('work', { ...ACCEPT_ALL, deliver: heard.resolve })
    await until(() => one.subscribers('work').length === 1, 'the child subscribes')
    await one.publish('work', new Uint8Array([9, 9]))
    deepEqual(await child.next(), { gossip: '0909', from: one.peerId })
    child.send({ publish: '0a0b' })
    deepEqual([...(await heard.promise)], [10, 11])

    const closed = new Promise<unknown>((resolve) => link.onClose(resolve))
    await child.kill()
    await closed
    await until(() => one.peers().length === 0, 'the peer is gone')
  })
})
