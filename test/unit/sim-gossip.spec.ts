/** The model of gossipsub: mesh, lazy push, IDONTWANT, scores, cuts, and what its checker finds. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { GossipOnly } from '../../sim/world/gossip-only.ts'
import { Scenario } from '../../sim/world/scenario.ts'

const MESSAGES = {
  per_second: 10,
  bytes: 2_000,
  from_ms: 8_000,
  until_ms: 12_000,
  within_ms: 5_000
}
const FAULTS = { answersNoWants: false, hasNoHeartbeat: false }
/** Nobody is anybody's neighbour: what arrives was told of and asked for. */
const LAZY = { d: 0, d_lo: 0, d_hi: 0, d_out: 0, flood_publish: false, peers: 8 }

interface Asked {
  readonly changes?: object
  readonly seed?: number
  readonly faults?: Partial<typeof FAULTS>
}

function open({ changes = {}, seed = 1, faults = {} }: Asked = {}): GossipOnly {
  const base = { claim: 'a test', nodes: 40, units: 0, messages: MESSAGES, gossip: { peers: 10 } }
  const scenario = Scenario.parse({ ...base, ...changes })
  return new GossipOnly(scenario, {
    seed,
    matrixOf: shippedMatrix,
    faults: { ...FAULTS, ...faults }
  })
}

function until(run: GossipOnly, untilMs: number): GossipOnly {
  while (run.time.step(untilMs * 1_000));
  return run
}

const ran = (asked?: Asked): GossipOnly => until(open(asked), 20_000)
const rules = ({ checks }: GossipOnly): readonly string[] => [
  ...new Set(checks.violations.map(({ rule }) => rule))
]

describe('modelled gossip', () => {
  it('keeps meshes between D_lo and D_hi', () => {
    const messages = { ...MESSAGES, from_ms: 19_000, until_ms: 19_001 }
    const run = until(open({ changes: { nodes: 100, messages } }), 14_000)
    const { peers } = run.gossip.router.state
    const degrees = peers.mesh.map((mesh) => mesh.length)
    ok(Math.max(...degrees) <= 12 && degrees.filter((degree) => degree >= 6).length > 90)
    // who has fewer has asked everybody, and those were full
    for (const [host, mesh] of peers.mesh.entries()) {
      const others = (peers.ends[host] ?? []).filter((end) => !peers.isInMesh(end))
      ok(mesh.length >= 6 || others.every((end) => peers.backoffUs(end) > 0), `node ${host}`)
    }
  })

  it('brings every message to every node, each once', () => {
    const run = ran()
    const { published, deliveries } = run.gossip.router.state
    equal(published, 40)
    equal(deliveries, 40 * 39)
    deepEqual(run.checks.violations, [])
  })

  it('gives one seed one trace, and another seed another', () => {
    const hashes = [1, 1, 2].map((seed) => ran({ seed }).time.trace.hash())
    equal(hashes[0], hashes[1])
    notEqual(hashes[0], hashes[2])
  })

  it('repairs by lazy push what no neighbour brought', () => {
    const run = ran({ changes: { gossip: LAZY } })
    equal(run.missed, 0)
    const { delivery_p50_ms: p50 } = run.gossip.report()
    ok(p50 > 500 && p50 < 5_000, `${p50} ms`)
  })

  it('is found out where nobody answers, and where no heart beats', () => {
    for (const faults of [{ answersNoWants: true }, { hasNoHeartbeat: true }]) {
      deepEqual(rules(ran({ changes: { gossip: LAZY }, faults })), ['delivered'])
    }
  })

  it('spares copies of what a neighbour said that it has, where messages are large', () => {
    const network = { up_kbps: 8_000 }
    const [told, untold] = [512, 1_000_000].map((bytes) =>
      ran({
        changes: { network, gossip: { peers: 10, idontwant_bytes_min: bytes } }
      }).gossip.report()
    )
    ok((told?.spared ?? 0) > 0 && untold?.spared === 0)
    ok((told?.duplicates ?? 0) < (untold?.duplicates ?? 0))
  })

  it('hears nothing of a peer that brought what is no message', () => {
    const run = until(
      open({ changes: { messages: { ...MESSAGES, from_ms: 19_000, until_ms: 19_001 } } }),
      8_000
    )
    const { router } = run.gossip
    const heard = new Set<number>()
    const spoil = (isValid: boolean): void => {
      router.publish(3, { digest: 0, bytes: 100, isValid, deliver: (host) => heard.add(host) })
    }
    for (let message = 0; message < 5; message++) spoil(false)
    until(run, 9_500)
    spoil(true)
    until(run, 12_000)
    equal(heard.size, 0)
    router.publish(4, { digest: 0, bytes: 100, deliver: (host) => heard.add(host) })
    until(run, 18_000)
    equal(heard.size, 39)
  })

  it('forgets who leaves, and takes who comes back', () => {
    const run = until(open(), 7_000)
    const { router } = run.gossip
    const { peers } = router.state
    run.gossip.leave(5)
    const others = peers.ends.flat().filter((end) => peers.host(end ^ 1) === 5)
    equal((peers.ends[5]?.length ?? 0) + others.length, 0)
    until(run, 9_000)
    run.gossip.join(5)
    until(run, 13_000)
    ok((peers.mesh[5]?.length ?? 0) >= 6)
  })
})

describe('the paths under gossip', () => {
  const p50 = (changes: object): number => ran({ changes }).gossip.report().delivery_p50_ms

  it('takes longer with losses, slow lines and relays', () => {
    const plain = p50({})
    for (const network of [{ loss_per_mille: 100 }, { up_kbps: 1_000 }, { nat_per_mille: 1_000 }]) {
      ok(p50({ network }) > plain, JSON.stringify(network))
    }
  })

  const cutOff = (partition: object): number =>
    ran({
      changes: {
        nodes: 60,
        partitions: [{ from_ms: 7_000, until_ms: 19_000, share_per_mille: 400, ...partition }]
      }
    }).missed

  it('loses what is sent over a cut, one way or both, until it heals', () => {
    const [both, oneWay] = [cutOff({}), cutOff({ kind: 'one_way' })]
    ok(oneWay > 0 && both > oneWay, `${both} and ${oneWay}`)
    equal(cutOff({ until_ms: 7_500 }), 0)
  })

  it('goes over bridges, and in the pauses of a cut that flaps', () => {
    equal(cutOff({ kind: 'bridge', bridge_per_mille: 300 }), 0)
    equal(cutOff({ kind: 'flapping', flap_ms: 1_000 }), 0)
  })
})

describe('sybils', () => {
  it('who drop what they should hand on slow gossip down, and are found out where they stop it', () => {
    const attacked = (attack: object) => ran({ changes: { attack: { dials: 40, ...attack } } })
    const few = attacked({ kind: 'network', sybils: 10, at_ms: 4_000 })
    equal(few.missed, 0)
    const all = attacked({ kind: 'cold_boot', sybils: 400 })
    ok(all.gossip.report().delivery_p50_ms > 2 * few.gossip.report().delivery_p50_ms)
  })

  it('behave until their moment comes', () => {
    const attack = { kind: 'covert_flash', sybils: 100, at_ms: 30_000, dials: 40 }
    equal(ran({ changes: { attack } }).missed, 0)
  })
})
