/**
 * A peer that comes back before its old connection is known to be dead: loaded again, woken from a
 * sleep, on another network. Its new connection counts, for gossip as for links.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { z } from 'zod'
import type { MeshNetwork } from '#mesh-node'
import { Started, type TestChild, until } from '../support/mesh-hosts.ts'

const PATIENCE_MS = 20_000
const Hello = z.object({ peer: z.string() })
const Heard = z.object({ gossip: z.string() })

describe('a peer that comes back before its old connection is known to be dead', function () {
  this.timeout(3 * PATIENCE_MS)
  const started = new Started()
  let host: MeshNetwork
  let asleep: TestChild
  let peer = ''
  const heard: string[] = []

  const come = async (): Promise<TestChild> => {
    const child = await started.child('net-child.ts', '2', host.addresses()[0] ?? '')
    peer = Hello.parse(await child.next('the peer')).peer
    return child
  }

  beforeEach(async () => {
    heard.length = 0
    host = await started.host(1)
    host.subscribe('work', {
      validate: () => 'accept',
      deliver: (bytes) => void heard.push(bytes.join())
    })
    asleep = await come()
    await until(() => host.subscribers('work').length > 0, 'the peer subscribes', PATIENCE_MS)
    asleep.pause()
  })
  afterEach(() => started.endAll())

  /** Says it until it is heard: gossip finds its ways within a few heartbeats. */
  async function hears(child: TestChild, byte: number): Promise<void> {
    let said = 0
    const timer = setInterval(() => {
      void host.publish('work', Uint8Array.of(byte, said++))
    }, 200)
    try {
      const { gossip } = Heard.parse(await child.next('gossip'))
      equal(gossip.slice(0, 2), byte.toString(16).padStart(2, '0'))
    } finally {
      clearInterval(timer)
    }
  }

  it('hears gossip, and goes on hearing when the old connection ends', async () => {
    const back = await come()
    await hears(back, 1)
    await asleep.kill()
    await hears(back, 2)
    deepEqual(host.peers(), [peer])
  })

  it('is heard', async () => {
    const back = await come()
    let said = 0
    // it gossips to nobody before it knows who listens
    const isHeard = (): boolean => {
      back.send({ publish: `0a${(said++ % 256).toString(16).padStart(2, '0')}` })
      return heard.some((bytes) => bytes.startsWith('10,'))
    }
    await until(isHeard, 'gossip from the peer', PATIENCE_MS)
  })
})
