/** The gateway in a mesh on probation: who is checked, what a difference means, what is done again. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { openUnit, type PackedUnit, type UnitId } from '#contracts'
import { KeyedDraw } from '../../mesh-node/core/gateway/keyed-draw.ts'
import { Sequencer } from '../../sim/world/sequencer.ts'
import { GatewayMesh, type MeshOptions } from '../support/gateway-mesh.ts'
import { modelUnit, peer, SESSION, spec, unitOf } from '../support/mesh-units.ts'
import {
  attestationOf,
  type Manner,
  type NodeOptions,
  resultOf,
  resultsOf,
  rightAnswer
} from '../support/model-node.ts'

const KEY = new Uint8Array(32).fill(7)

/** The product's fold, fed with what the gateway records. */
const book = (trust = 'probation', keepsDisk = false): Sequencer =>
  new Sequencer(KEY, { keepsDisk, trust })

function meshOf(
  nodes: readonly (Manner | NodeOptions)[],
  options: MeshOptions = {}
): GatewayMesh & { readonly book: Sequencer } {
  const sequencer = options.book instanceof Sequencer ? options.book : book()
  const mesh = new GatewayMesh({ mayCorrect: true, ...options, book: sequencer })
  mesh.open()
  nodes.forEach((manner, number) => {
    mesh.addNode(number, typeof manner === 'string' ? { manner } : manner)
  })
  return Object.assign(mesh, { book: sequencer })
}

const named = (prefix: string, count: number): PackedUnit[] =>
  Array.from({ length: count }, (_, index) => unitOf(`${prefix}${index}`))

const leasesOf = (mesh: GatewayMesh, id: UnitId): number =>
  mesh.items('units.reserved').filter(({ unit }) => unit === id).length

/** One after the other, so that each finds what the last one taught. */
function work(mesh: GatewayMesh, units: readonly PackedUnit[]): void {
  for (const unit of units) {
    mesh.submit(unit)
    ok(mesh.drain(), unit.id)
    mesh.run(2_000)
  }
}

const eventsOf = (mesh: GatewayMesh, type: string) =>
  mesh.events.filter((event) => event.type === type)

describe('gateway on probation: who is checked', () => {
  it('gives a unit to two owners as long as nobody is known, and compares them', () => {
    const mesh = meshOf(['honest', 'honest', 'honest'])
    const unit = unitOf('first')
    mesh.submit(unit)
    ok(mesh.drain())
    equal(leasesOf(mesh, unit.id), 2)
    equal(mesh.items('units.accepted').length, 2)
    equal(mesh.outcomes.get(unit.id)?.verification, 'schema', 'the graph asked for no more')
    mesh.audit()
  })

  it('takes the word of a node after ten confirmed results, and says so with its reason', () => {
    const mesh = meshOf(['honest', 'honest'])
    const units = named('u', 30)
    work(mesh, units)
    const last = units.slice(-10).map(({ id }) => leasesOf(mesh, id))
    ok(last.filter((leases) => leases === 1).length >= 5, last.join())
    const reasons = eventsOf(mesh, 'trust.updated').map(({ data }) => data['reason'])
    ok(reasons.includes('probation.confirmed') && reasons.includes('probation.proven'))
    mesh.audit()
  })

  it('asks for no check where the mesh has another policy', () => {
    const mesh = meshOf(['honest', 'honest'], { book: book('credibility') })
    const unit = unitOf('one')
    mesh.submit(unit)
    ok(mesh.drain())
    equal(leasesOf(mesh, unit.id), 1)
  })

  it('lets a graph that asks for more have it, and adds nothing to it', () => {
    const mesh = meshOf(['honest', 'honest', 'honest', 'honest'])
    const strict = unitOf('strict', { verification: { mode: 'quorum', replicas: 3 } })
    const loose = unitOf('loose', { verification: { mode: 'none' } })
    mesh.submit(strict, loose)
    ok(mesh.drain())
    equal(leasesOf(mesh, strict.id), 3)
    equal(leasesOf(mesh, loose.id), 1)
    mesh.audit()
  })

  it('takes the word of the only owner there is, and does not wait for another', () => {
    const mesh = meshOf(['honest', { descriptor: { owner: 'owner-0' } }])
    const units = named('u', 3)
    mesh.submit(...units)
    ok(mesh.drain(5_000))
    for (const { id } of units) equal(leasesOf(mesh, id), 1)
    mesh.audit()
  })

  it('compares bytes within one class of backends alone', () => {
    const other = { runtime: 'ort', version: '1', provider: 'wasm', device_class: 'x64' }
    const mesh = meshOf(['honest', { descriptor: { backend: other } }])
    const unit = unitOf('one')
    mesh.submit(unit)
    ok(mesh.drain(5_000))
    equal(leasesOf(mesh, unit.id), 1)
  })

  it('leaves to units without a lease what the budget has for them', () => {
    const mesh = new GatewayMesh({ book: book() })
    const units = named('u', 5)
    const micro = units.length * 100
    const budgets = { max_tokens: 9, max_latency_ms: 9_999_999, max_model_calls: 9 }
    mesh.open({ budgets: { ...budgets, max_cost_micro: micro } })
    mesh.submit(...units)
    for (const number of [0, 1, 2]) mesh.addNode(number)
    ok(mesh.drain())
    for (const { id } of units) equal(mesh.outcomes.get(id)?.status, 'success')
    mesh.audit()
  })

  it('counts a unit that is done again as the call that it was', () => {
    const units = Array.from({ length: 60 }, (_, index) => modelUnit(`u${index}`))
    const mesh = new GatewayMesh({ mayCorrect: true, book: book() })
    const { budgets } = spec()
    // what the units may take, and not one call or token more
    mesh.open({ budgets: { ...budgets, max_model_calls: 60, max_tokens: 6_000 } })
    for (let number = 0; number < 4; number++) mesh.addNode(number, { runMs: 50 })
    for (let start = 0; start < units.length; start += 5) {
      mesh.submit(...units.slice(start, start + 5))
      ok(mesh.drain())
      mesh.run(2_000)
    }
    const again = units.filter(({ id }) => leasesOf(mesh, id) > 1)
    ok(again.length > 10, 'some are done again after they had succeeded')
    for (const { id } of units) equal(mesh.outcomes.get(id)?.status, 'success')
    equal(mesh.machine.snapshot().sessions[0]?.model_calls, 60)
    mesh.audit()
  })

  it('draws by a secret: who lacks it cannot tell whose turn it is', () => {
    const row = (secret: number): number[] => {
      const draw = new KeyedDraw(Uint8Array.of(secret))
      return Array.from({ length: 20 }, (_, index) => draw.of('place', `unit ${index}`).below(100))
    }
    deepEqual(row(1), row(1))
    ok(row(1).filter((value, index) => value === row(2)[index]).length < 5)
    const placed = (secret: number): string[] => {
      const mesh = meshOf(
        Array.from({ length: 8 }, () => 'honest' as const),
        {
          secret: Uint8Array.of(secret)
        }
      )
      mesh.submit(...named('u', 4))
      return mesh.items('units.reserved').map(({ unit, node }) => `${unit} ${node}`)
    }
    deepEqual(placed(1), placed(1))
    ok(placed(1).join() !== placed(2).join())
  })
})

describe('gateway on probation: differences', () => {
  it('asks others, believes who agrees, and names the one who does not', () => {
    const mesh = meshOf(['lie', 'honest', 'honest', 'honest'])
    const units = named('u', 6)
    mesh.submit(...units)
    ok(mesh.drain())
    for (const { id } of units) equal(mesh.outcomes.get(id)?.outputCid, rightAnswer(id))
    const faults = mesh.items('units.voided').map(({ fault }) => fault)
    ok(faults.length > 0 && faults.every((fault) => fault === 'disagreed'))
    mesh.audit()
  })

  it('blames nobody where nobody else can tell, and ends the unit all the same', () => {
    const mesh = meshOf(['lie', 'honest'])
    const unit = unitOf('one')
    mesh.submit(unit)
    ok(mesh.drain(10_000))
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
    deepEqual(
      mesh.items('units.voided').map(({ reason, fault }) => [reason, fault]),
      [['redundant', 'none']]
    )
    mesh.audit()
  })

  it('takes the other result where one of two comes to nothing', () => {
    const mesh = meshOf(['honest', 'fail', 'fail'])
    const units = named('u', 3)
    mesh.submit(...units)
    ok(mesh.drain())
    for (const { id } of units) equal(mesh.outcomes.get(id)?.outputCid, rightAnswer(id))
    mesh.audit()
  })

  it('waits for the other of two, and asks a third where it is gone', () => {
    const mesh = meshOf([{ runMs: 20 }, { manner: 'silent' }, { runMs: 20 }])
    const units = named('u', 3)
    mesh.submit(...units)
    mesh.run(500)
    const gone = [...mesh.nodes.values()][1]
    ok(gone !== undefined)
    mesh.disconnect(gone)
    ok(mesh.drain())
    for (const { id } of units) equal(mesh.outcomes.get(id)?.outputCid, rightAnswer(id))
    mesh.audit()
  })
})

describe('gateway on probation: few nodes', () => {
  const OWN = 0
  function besideOwn(...others: readonly (Manner | NodeOptions)[]) {
    const sequencer = new Sequencer(KEY, {
      keepsDisk: false,
      trust: 'probation',
      trusted: [peer(OWN)]
    })
    return meshOf(['honest', ...others], { book: sequencer, trusted: [OWN] })
  }
  const leasesOfNode = (mesh: GatewayMesh, number: number): ReadonlySet<string> => {
    const its = mesh.items('units.reserved').filter(({ node }) => node === peer(number))
    return new Set(its.map(({ lease }) => lease))
  }
  const acceptedOf = (mesh: GatewayMesh, number: number): number => {
    const its = leasesOfNode(mesh, number)
    return mesh.items('units.accepted').filter(({ lease }) => its.has(lease)).length
  }

  const statesOf = (mesh: GatewayMesh & { readonly book: Sequencer }, number: number) => {
    const its = leasesOfNode(mesh, number)
    return mesh
      .items('units.accepted')
      .filter(({ lease }) => its.has(lease))
      .map(({ unit, attempt }) => mesh.book.fold.attempt(unit, attempt)?.state)
  }

  it('takes the word of the operator’s own node from the first unit on, and pays it at once', () => {
    const mesh = besideOwn()
    const units = named('u', 5)
    mesh.submit(...units)
    ok(mesh.drain(1_500))
    for (const { id } of units) equal(leasesOf(mesh, id), 1)
    deepEqual(new Set(statesOf(mesh, OWN)), new Set(['posted']))
    mesh.audit()
  })

  it('names a stranger that lies beside it with the first lie, and takes none', () => {
    const mesh = besideOwn('lie')
    const units = named('u', 12)
    work(mesh, units)
    for (const { id } of units) equal(mesh.outcomes.get(id)?.outputCid, rightAnswer(id))
    const faults = mesh.items('units.voided').map(({ fault }) => fault)
    ok(faults.length > 0 && faults.every((fault) => fault === 'disagreed'), faults.join())
    ok((mesh.book.fold.probation?.convictionsOf(peer(1)) ?? 0) > 0)
    mesh.audit()
  })

  it('lets a stranger beside it work all the while, and pays for good what it confirmed', () => {
    const mesh = besideOwn('honest')
    for (let round = 0; round < 10; round++) {
      const earlier = acceptedOf(mesh, 1)
      for (const half of ['a', 'b']) {
        mesh.submit(...named(`r${round}${half}-`, 20))
        ok(mesh.drain(20_000))
      }
      // while its past is looked at it may be passed over
      ok(acceptedOf(mesh, 1) - earlier >= 10, `${acceptedOf(mesh, 1) - earlier} in round ${round}`)
    }
    const states = statesOf(mesh, 1)
    ok(states.includes('posted'), 'the operator’s own node said the same')
    ok(states.includes('held'), 'taken on its word')
    mesh.audit()
  })

  it('keeps no node idle for a slow one, where there is no third', () => {
    const mesh = meshOf([{ runMs: 60_000 }, { runMs: 100 }])
    mesh.submit(...named('u', 20))
    mesh.run(25_000)
    ok(acceptedOf(mesh, 1) >= 5, `${acceptedOf(mesh, 1)}`)
  })

  it('takes no lie for want of a third who is free, as long as the others are at work', () => {
    const slow: NodeOptions = { runMs: 4_000, slots: 1, descriptor: { slots: 1, queue_max: 1 } }
    const mesh = meshOf([{ manner: 'lie', runMs: 20 }, slow, slow])
    const units = named('u', 12)
    mesh.submit(...units)
    ok(mesh.drain(300_000))
    for (const { id } of units) equal(mesh.outcomes.get(id)?.outputCid, rightAnswer(id))
    equal(acceptedOf(mesh, 0), 0)
    mesh.audit()
  })

  it('believes three honest nodes within their first units, however little there is to do', () => {
    const mesh = meshOf(['honest', 'honest', 'honest'])
    work(mesh, named('u', 40))
    for (const number of [0, 1, 2]) {
      equal(mesh.book.fold.probation?.convictionsOf(peer(number)), 0)
      ok(acceptedOf(mesh, number) >= 10, `${number}: ${acceptedOf(mesh, number)}`)
    }
  })

  it('does not let two that were believed first outvote a mesh', () => {
    let isLate = false
    const early: NodeOptions = { manner: () => (isLate ? 'collude' : 'honest') }
    const mesh = meshOf([early, early])
    work(mesh, named('early', 30))
    for (const number of [0, 1]) equal(mesh.book.fold.probation?.isProven(peer(number)), true)
    isLate = true
    for (let number = 2; number < 7; number++) mesh.addNode(number, {})
    work(mesh, named('late', 40))
    for (let number = 2; number < 7; number++) {
      const its = leasesOfNode(mesh, number)
      const blamed = mesh
        .items('units.voided')
        .filter(({ fault, lease }) => fault !== 'none' && its.has(lease))
      deepEqual(blamed, [], `${number} is honest`)
    }
    const isCaught = (number: number): boolean =>
      (mesh.book.fold.probation?.convictionsOf(peer(number)) ?? 0) > 0
    ok(isCaught(0) && isCaught(1))
    mesh.audit()
  })
})

describe('gateway on probation: what was accepted is done again', () => {
  /** Node 1 reads its own standing, and lies while its word is taken, once much of it is. */
  function reader(options: MeshOptions = {}) {
    let runs = 0
    const isBelieved = (): boolean => mesh.book.fold.probation?.isProven(peer(1)) === true
    const liar: NodeOptions = {
      manner() {
        runs += 1
        return runs > 60 && isBelieved() ? 'lie' : 'honest'
      }
    }
    const mesh = meshOf(['honest', liar, 'honest', 'honest'], options)
    const units = named('u', 400)
    for (let start = 0; start < units.length; start += 5) {
      mesh.submit(...units.slice(start, start + 5))
      ok(mesh.drain())
      mesh.run(2_000)
    }
    mesh.run(30_000)
    return { mesh, units }
  }

  it('finds a node that lies while it is believed, and mends what it gave', () => {
    const { mesh, units } = reader()
    const reasons = eventsOf(mesh, 'trust.updated').map(({ data }) => data['reason'])
    ok(reasons.includes('probation.convicted'), 'it is caught')
    ok(mesh.corrected.length > 0, 'lies that were accepted are replaced')
    const wrong = units.filter(({ id }) => mesh.outcomes.get(id)?.outputCid !== rightAnswer(id))
    ok(wrong.length <= 1, `${wrong.length} of ${units.length} lies are left`)
    ok(eventsOf(mesh, 'workunit.reopened').length > 0)
    equal(eventsOf(mesh, 'workunit.corrected').length, mesh.corrected.length)
    deepEqual(mesh.book.fold.rejections(), [], 'the ledger takes all of it')
    mesh.audit()
  })

  it('asks nobody for a result once more who gave it before a restart, and takes back all their pay', async () => {
    const sequencer = book('probation', true)
    const liars = [peer(0), peer(1)]
    const begun = (nodes: number): GatewayMesh => {
      const mesh = new GatewayMesh({ book: sequencer, mayCorrect: true })
      const manner = (number: number): Manner => (number < liars.length ? 'collude' : 'honest')
      for (let number = 0; number < nodes; number++)
        mesh.addNode(number, { manner: manner(number) })
      return mesh
    }
    const before = begun(2)
    before.open()
    const lie = unitOf('lie')
    work(before, [lie])
    equal(before.items('units.accepted').length, 2)
    const { history } = await sequencer.reopen(SESSION)
    ok(history !== null)
    const mesh = begun(6)
    mesh.nowMs = before.nowMs + 100
    for (const item of before.items('units.reserved')) mesh.auditor.recall(item)
    for (const { lease } of before.items('units.accepted')) mesh.auditor.recallSettled(lease, 10)
    mesh.open({}, history)
    mesh.submit(lie)
    work(mesh, named('after', 60))
    mesh.run(30_000)
    equal(mesh.outcomes.get(lie.id)?.outputCid, rightAnswer(lie.id), 'the lie is found and mended')
    const again = mesh.items('units.reserved').filter(({ unit }) => unit === lie.id)
    ok(again.length > 0 && again.every(({ node }) => !liars.includes(node)))
    equal(mesh.items('units.withdrawn').filter(({ unit }) => unit === lie.id).length, 2)
    deepEqual(sequencer.fold.rejections(), [])
  })

  /** A restart while the last of so many is asked about a unit of which no two others agree. */
  async function disputedBefore(
    unit: PackedUnit,
    manners: readonly Manner[],
    opening: Parameters<GatewayMesh['open']>[0] = {}
  ) {
    const sequencer = book('probation', true)
    const begun = () => new GatewayMesh({ book: sequencer, mayCorrect: true })
    const before = begun()
    const nodes = manners.map((manner, number) => before.addNode(number, { manner }))
    before.open(opening)
    before.submit(unit)
    before.run(5_000)
    equal(leasesOf(before, unit.id), manners.length, 'no two agree')
    const { history } = await sequencer.reopen(SESSION)
    ok(history !== null)
    const mesh = begun()
    mesh.nowMs = before.nowMs + 100
    for (const item of before.items('units.reserved')) mesh.auditor.recall(item)
    mesh.open(opening, history)
    mesh.submit(unit)
    return { mesh, nodes }
  }

  it('takes no single voice for a quorum that it cannot pay for after a restart', async () => {
    // three leases, and not one more
    const budgets = { ...spec().budgets, max_cost_micro: 300 }
    const unit = unitOf('strict', { verification: { mode: 'quorum', replicas: 2 } })
    const { mesh, nodes } = await disputedBefore(unit, ['lie', 'lie', 'silent'], { budgets })
    for (const [number, node] of nodes.entries()) {
      const [offer] = node.granted
      ok(offer !== undefined)
      const { id } = mesh.addNode(number, { manner: 'silent', holding: [offer.lease_id] })
      mesh.feed(resultOf(id, attestationOf(node, offer, unit, 'lie'), mesh.nowMs))
    }
    mesh.addNode(3)
    ok(mesh.drain(60_000))
    equal(mesh.outcomes.get(unit.id)?.error?.code, 'unit.budget_exhausted')
    deepEqual(mesh.items('units.accepted'), [])
  })

  it('asks for one more voice where two differ again after a restart and three more are lost', async () => {
    const unit = unitOf('disputed')
    const manners = ['lie', 'lie', 'lie', 'lie', 'silent'] as const
    const { mesh, nodes } = await disputedBefore(unit, manners)
    const liars = nodes.filter(({ answers }) => answers.size > 0).slice(0, 2)
    for (const [number, node] of nodes.entries()) {
      const [offer] = node.granted
      ok(offer !== undefined)
      const isBack = liars.includes(node)
      const holding = isBack ? [offer.lease_id] : []
      const { id } = mesh.addNode(number, { manner: 'silent', holding })
      if (isBack) mesh.feed(resultOf(id, attestationOf(node, offer, unit, 'lie'), mesh.nowMs))
      mesh.run(10)
    }
    mesh.addNode(5)
    mesh.addNode(6)
    ok(mesh.drain(60_000), 'three others would never be there at once')
    equal(leasesOf(mesh, unit.id), 2, 'one after the other, until two agree')
    equal(mesh.outcomes.get(unit.id)?.outputCid, rightAnswer(unit.id))
  })

  for (const mayCorrect of [true, false]) {
    const how = mayCorrect ? 'replaced' : 'found wrong'
    it(`does not open again what was ${how} in the very record that convicted its node`, () => {
      const sequencer = new Sequencer(KEY, {
        keepsDisk: false,
        trust: 'probation',
        trusted: [peer(0)]
      })
      const mesh = new GatewayMesh({ book: sequencer, mayCorrect, trusted: [0] })
      const lies = named('lie', 4)
      const fair = unitOf('fair')
      const isLie = (id: string | null): boolean => lies.some((lie) => lie.id === id)
      const isKept = (id: string | null): boolean => isLie(id) || id === fair.id
      mesh.open()
      mesh.addNode(1, { manner: (_offer, { id }) => (isLie(id) ? 'collude' : 'honest') })
      mesh.submit(...lies, fair)
      ok(mesh.drain(), 'the only owner is believed')
      const checker = mesh.addNode(0, { manner: (_, { id }) => (isKept(id) ? 'silent' : 'honest') })
      mesh.submit(...named('after', 20))
      mesh.run(1_000)
      // all that it has checked comes at once: one record refutes the lies, and confirms what is fair
      const checks = checker.granted.filter(({ unit }) => isKept(openUnit(unit).id))
      const right = checks.map((offer) =>
        attestationOf(checker, offer, openUnit(offer.unit), 'honest')
      )
      mesh.feed(resultsOf(checker.id, right, mesh.nowMs))
      mesh.run(1_000)
      equal(mesh.records.filter(({ kind }) => kind === 'units.withdrawn').length, 1)
      equal(mesh.items('units.withdrawn').length, lies.length)
      equal(sequencer.fold.probation?.convictionsOf(peer(1)), 1)
      const reopened = eventsOf(mesh, 'workunit.reopened')
      ok(!reopened.some(({ work_unit_id: id }) => isKept(id)))
      const isPaid = ({ unit, attempt }: { readonly unit: UnitId; readonly attempt: number }) =>
        ['posted', 'held'].includes(sequencer.fold.attempt(unit, attempt)?.state ?? '')
      const paidMicro = 10 * mesh.items('units.accepted').filter(isPaid).length
      equal(mesh.machine.snapshot().sessions[0]?.posted_micro, paidMicro)
      deepEqual(sequencer.fold.rejections(), [])
    })
  }

  it('leaves what became final while others did it again, and says that it is in doubt', () => {
    const lie = unitOf('lie', { timeouts: { dispatch_ms: 5_000, run_ms: 600_000 } })
    const sequencer = new Sequencer(KEY, {
      keepsDisk: false,
      trust: 'probation',
      trusted: [peer(2)]
    })
    const liar: NodeOptions = { manner: (_, { id }) => (id === lie.id ? 'collude' : 'honest') }
    const mesh = meshOf([liar], { book: sequencer, trusted: [2] })
    work(mesh, [lie])
    const [told] = mesh.items('units.accepted')
    ok(told !== undefined)
    const slow = mesh.addNode(1, { manner: (_, { id }) => (id === lie.id ? 'silent' : 'honest') })
    work(mesh, named('early', 3))
    const check = slow.granted.find(({ unit }) => openUnit(unit).id === lie.id)
    ok(check !== undefined, 'its only result is done again')
    const agreed = { verification: { mode: 'quorum', replicas: 2 } } as const
    mesh.submit(...Array.from({ length: 40 }, (_, index) => unitOf(`q${index}`, agreed)))
    ok(mesh.drain())
    const { state } = mesh.book.fold.attempt(lie.id, told.attempt) ?? {}
    equal(state, 'posted', 'its node passed many checks since')
    mesh.addNode(2)
    mesh.feed(resultOf(slow.id, attestationOf(slow, check, lie, 'honest'), mesh.nowMs))
    mesh.run(30_000)
    deepEqual(mesh.book.fold.rejections(), [], 'the ledger takes all of it')
    deepEqual(mesh.items('units.withdrawn'), [])
    equal(eventsOf(mesh, 'workunit.doubted').length, 1)
    const ends = mesh.items('units.voided').filter(({ unit }) => unit === lie.id)
    ok(ends.length > 1 && ends.every(({ fault }) => fault === 'none'), 'nobody is blamed')
    mesh.audit()
  })

  it('leaves what was made use of, takes its pay back and says that it is in doubt', () => {
    const { mesh } = reader({ mayCorrect: false })
    equal(mesh.corrected.length, 0)
    ok(eventsOf(mesh, 'workunit.doubted').length > 0)
    ok(mesh.items('units.withdrawn').every(({ stands }) => stands))
    deepEqual(mesh.book.fold.rejections(), [])
    mesh.audit()
  })
})
