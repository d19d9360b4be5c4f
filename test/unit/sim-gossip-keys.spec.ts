/** Keys of a scenario's network and gossip: what goes together, and what is refused at its line. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { MeshError } from '#contracts'
import { drawScenario, readScenario } from '#sim'
import { shrink } from '../../sim/search/shrink.ts'
import { NETWORK_DEFAULT } from '../../sim/world/network-keys.ts'

const ALONE = `claim: c
nodes: 9
units: 0
messages: {per_second: 1, bytes: 99, from_ms: 0, until_ms: 9, within_ms: 9}
`
const read = (text: string) => readScenario(Buffer.from(text))

function faultOf(text: string): readonly [string, number | undefined] {
  let fault: readonly [string, number | undefined] = ['', undefined]
  throws(
    () => read(text),
    (error) => {
      ok(error instanceof MeshError && error.code === 'scenario.invalid')
      const [first] = error.issues ?? []
      fault = [first?.path ?? '', first?.at?.line]
      return true
    }
  )
  return fault
}

describe('a scenario of gossip alone', () => {
  it('has messages, no units, and the network of any other', () => {
    const { units, messages, network, attack } = read(ALONE)
    deepEqual([units, messages?.per_second, attack], [0, 1, null])
    deepEqual(network, NETWORK_DEFAULT)
  })

  for (const [what, text, path, line] of [
    ['no units and no messages', 'claim: c\nnodes: 9\nunits: 0\n', '/units', 3],
    ['units and messages', ALONE.replace('units: 0', 'units: 3'), '/messages', 4],
    ['what is about work', `${ALONE}quorum_per_mille: 5\n`, '/quorum_per_mille', 5],
    [
      'faults that it does not do',
      `${ALONE}vanish: [{at_ms: 1, share_per_mille: 1}]\n`,
      '/vanish',
      5
    ],
    [
      'sybils where there is work',
      'claim: c\nnodes: 9\nunits: 1\nattack: {sybils: 5, kind: network}\n',
      '/attack',
      4
    ],
    ['an attack that nobody knows', `${ALONE}attack: {sybils: 1, kind: x}\n`, '/attack/kind', 5],
    ['degrees the wrong way round', `${ALONE}gossip: {d: 3}\n`, '/gossip', 5],
    ['half of all packets and more', `${ALONE}network: {loss_per_mille: 501}\n`, '/network', 5],
    ['a line that carries nothing', `${ALONE}network: {up_kbps: 0}\n`, '/network/up_kbps', 5],
    [
      'a cut of no kind',
      `${ALONE}partitions:\n  - {from_ms: 1, until_ms: 2, share_per_mille: 1, kind: half}\n`,
      '/partitions/0/kind',
      6
    ],
    [
      'a cut that ends before it begins',
      `${ALONE}partitions:\n  - {from_ms: 2, until_ms: 1, share_per_mille: 1}\n`,
      '/partitions/0',
      6
    ]
  ] as const) {
    it(`is refused at its line for ${what}`, () => {
      const [where, at] = faultOf(text)
      ok(where.startsWith(path), where)
      equal(at, line)
    })
  }
})

describe('the swarm', () => {
  const seeds = Array.from({ length: 200 }, (_, index) => drawScenario(index + 1))

  it('draws lines of every quality and cuts of every kind', () => {
    const kinds = new Set(seeds.flatMap(({ partitions }) => partitions.map(({ kind }) => kind)))
    deepEqual([...kinds].sort(), ['bridge', 'flapping', 'one_way', 'symmetric'])
    for (const has of [
      ({ network }) => network.loss_per_mille > 0,
      ({ network }) => network.up_kbps !== null,
      ({ network }) => network.nat_per_mille > 0,
      ({ gossip }) => gossip.flood_publish === false
    ] satisfies ((scenario: (typeof seeds)[number]) => boolean)[]) {
      const share = seeds.filter(has).length
      ok(share > 20 && share < 180, `${has}: ${share}`)
    }
  })

  it('gives up what of its network a failure does not need', async () => {
    const worst = seeds.find(({ partitions, network }) => {
      const isOneWay = partitions.some(({ kind }) => kind === 'one_way')
      return isOneWay && network.loss_per_mille > 0 && network.up_kbps !== null
    })
    ok(worst !== undefined)
    const { scenario } = await shrink(worst, async ({ partitions }) => partitions.length > 0)
    deepEqual(scenario.network, NETWORK_DEFAULT)
    deepEqual(scenario.gossip, {})
    deepEqual(
      scenario.partitions.map(({ kind }) => kind),
      ['symmetric']
    )
  })
})
