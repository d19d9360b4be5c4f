/** Planted bugs of the gateway: money, leases, verification, and how units end. */
import type { Mutant } from './mutant.ts'

const at = (file: string) => `mesh-node/core/gateway/${file}.ts`

export const GATEWAY_MUTANTS: readonly Mutant[] = [
  {
    name: 'quorum-off-by-one',
    bug: 'half of the replicas are a majority',
    file: at('retry'),
    anchor: 'Math.floor(replicas / 2) + 1',
    replacement: 'Math.floor(replicas / 2)'
  },
  {
    name: 'same-owner-twice',
    bug: 'two replicas of a unit may be of one owner',
    file: at('dispatch'),
    anchor: 'if (owners.has(owner)) return false',
    replacement: ''
  },
  {
    name: 'double-post',
    bug: 'an accepted result is written to the ledger twice',
    file: at('outbox'),
    anchor: 'listOf(this.#accepted, session).push(item)',
    replacement: 'listOf(this.#accepted, session).push(item, item)'
  },
  {
    name: 'double-reserve',
    bug: 'a lease is reserved for twice',
    file: at('outbox'),
    anchor: 'listOf(this.#reserved, session).push(item)',
    replacement: 'listOf(this.#reserved, session).push(item, item)'
  },
  {
    name: 'lost-void',
    bug: 'every fourth void is never written',
    file: at('outbox'),
    anchor: 'listOf(this.#voided, session).push(item)',
    replacement: 'if (item.attempt % 4 !== 1) listOf(this.#voided, session).push(item)'
  },
  {
    name: 'lost-reservation',
    bug: 'the reservation of a second attempt is never written',
    file: at('outbox'),
    anchor: 'listOf(this.#reserved, session).push(item)',
    replacement: 'if (item.attempt !== 2) listOf(this.#reserved, session).push(item)'
  },
  {
    name: 'money-not-returned',
    bug: 'a void gives nothing back to the session',
    file: at('lease-life'),
    anchor: '  settle(lease, 0)\n',
    replacement: ''
  },
  {
    name: 'paid-one-micro-short',
    bug: 'the gateway books a micro-credit less than the ledger pays',
    file: at('budget'),
    anchor: '  session.postedMicro += postedMicro\n',
    replacement: '  session.postedMicro += Math.max(0, postedMicro - 1)\n'
  },
  {
    name: 'budget-not-checked',
    bug: 'no lease is too dear for its session',
    file: at('budget'),
    anchor:
      "  return costMicro + session.reservedMicro <= left ? 'now' : onceOver(session.activeLeases)",
    replacement: "  return 'now'"
  },
  {
    name: 'calls-not-counted',
    bug: 'model calls are never counted',
    file: at('budget'),
    anchor: 'session.modelCalls += 1',
    replacement: 'session.modelCalls += 0'
  },
  {
    name: 'attempts-off-by-one',
    bug: 'a unit is tried once more than it may be',
    file: at('retry'),
    anchor: 'unit.failures < attemptsMax(',
    replacement: 'unit.failures <= attemptsMax('
  },
  {
    name: 'retry-without-backoff',
    bug: 'what failed is tried again at once',
    file: at('retry'),
    anchor: 'again(world, unit, pauseMs + tokenWaitMs(session.tenant, world.nowMs), failure.code)',
    replacement: 'again(world, unit, 0, failure.code)'
  },
  {
    name: 'backoff-does-not-grow',
    bug: 'every pause is as short as the first',
    file: at('retry'),
    anchor: 'const doublings = Math.min(30, Math.max(0, failures - 1))',
    replacement: 'const doublings = 0'
  },
  {
    name: 'losses-count-as-failures',
    bug: 'a node that vanished is held against the unit',
    file: at('retry'),
    anchor: 'if (hasRun || unit.losses > UNIT_LOSSES_MAX) {',
    replacement: 'if (hasRun || unit.losses > 0) {'
  },
  {
    name: 'lease-never-ends',
    bug: 'a lease whose node says nothing stands for ever',
    file: at('lease-life'),
    anchor: '  world.endAt(lease, lease.expiresAtMs)\n',
    replacement: ''
  },
  {
    name: 'lease-ends-late',
    bug: 'a lease is looked at a minute after its end',
    file: at('lease-life'),
    anchor: '  world.endAt(lease, lease.expiresAtMs)\n',
    replacement: '  world.endAt(lease, lease.expiresAtMs + 60_000)\n'
  },
  {
    name: 'lease-told-longer',
    bug: 'the node is told of more time than the gateway gives it',
    file: at('lease-life'),
    anchor: 'ttl_ms: lease.expiresAtMs - world.nowMs',
    replacement: 'ttl_ms: lease.expiresAtMs - world.nowMs + 600_000'
  },
  {
    name: 'late-result-accepted',
    bug: 'a result counts although its lease has ended',
    file: at('results'),
    anchor: "  if (lease.phase !== 'ended') return lease\n",
    replacement: "  if (lease.phase !== 'ended' || said?.result != null) return lease\n"
  },
  {
    name: 'foreign-result-accepted',
    bug: 'a node may answer for the lease of another',
    file: at('results'),
    anchor: 'if (lease.node.id !== node) {',
    replacement: 'if (lease.node.id === null) {'
  },
  {
    name: 'attempt-not-compared',
    bug: 'a result of one attempt counts for another',
    file: at('results'),
    anchor: "  if (attestation.attempt !== attempt) return 'attempt'\n",
    replacement: ''
  },
  {
    name: 'commit-not-compared',
    bug: 'a result need not be what its node committed to',
    file: at('results'),
    anchor: 'if (said !== undefined && equalBytes(said, expected)) return null',
    replacement: 'if (said !== undefined) return null'
  },
  {
    name: 'commit-not-asked-for',
    bug: 'a quorum takes results that nobody committed to',
    file: at('results'),
    anchor: 'if (!lease.commit) return null',
    replacement: 'return null'
  },
  {
    name: 'revealed-early',
    bug: 'results are asked for while a replica has not committed',
    file: at('verification'),
    anchor: "  if (live.some(({ phase }) => phase === 'granted')) return\n",
    replacement: ''
  },
  {
    name: 'any-group-wins',
    bug: 'the largest group is accepted, however small',
    file: at('verification'),
    anchor: "if (agreed.length >= majorityOf(replicas)) acceptGroup(world, unit, agreed, 'agreed')",
    replacement:
      "if (ok.length > 1) acceptGroup(world, unit, agreed.length > 0 ? agreed : [first], 'agreed')"
  },
  {
    name: 'losers-kept',
    bug: 'who disagrees with the majority keeps its reservation',
    file: at('acceptance'),
    anchor: "    if (lease.phase === 'ok') {\n      voidLease(",
    replacement: "    if (lease.phase === 'ended') {\n      voidLease("
  },
  {
    name: 'terminal-event-lost',
    bug: 'a unit that fails says nothing of it',
    file: at('unit-end'),
    anchor: "    'workunit.failed',\n    { unit },",
    replacement: "    'workunit.deferred',\n    { unit },"
  },
  {
    name: 'outcome-twice',
    bug: 'the caller is told twice how a submission ended',
    file: at('unit-end'),
    anchor: '  world.out.outcome(root.outcome)\n',
    replacement: '  world.out.outcome(root.outcome)\n  world.out.outcome(root.outcome)\n'
  },
  {
    name: 'outcome-lost',
    bug: 'the caller is never told of a submission that failed',
    file: at('unit-end'),
    anchor: '  world.out.outcome(root.outcome)\n',
    replacement: "  if (result.status === 'success') world.out.outcome(root.outcome)\n"
  },
  {
    name: 'wrong-output-told',
    bug: 'the caller gets an output that no accepted result has',
    file: at('unit-end'),
    anchor: '    outputCid: output_cid,\n',
    replacement: '    outputCid: unit.leases[0]?.attestation?.output_cid ?? output_cid,\n'
  },
  {
    name: 'starving-unseen',
    bug: 'units that nobody can run wait for ever',
    file: at('housekeeping'),
    anchor: '    else starve(world, waiting)\n',
    replacement: ''
  },
  {
    name: 'starved-at-once',
    bug: 'units are given up before anybody can come for them',
    file: at('starvation'),
    anchor: '    if (starvedMs < waiting.sample.timeouts.dispatch_ms) return\n',
    replacement: ''
  },
  {
    name: 'lost-node-unseen',
    bug: 'leases of a node that is gone stand to their own end',
    file: at('nodes'),
    anchor: '  for (const lease of [...node.leases]) loseLease(world, lease)\n',
    replacement: ''
  },
  {
    name: 'restart-unseen',
    bug: 'a node that forgot its leases keeps them',
    file: at('nodes'),
    anchor: '    if (!holding.has(lease.id)) loseLease(world, lease)\n',
    replacement: ''
  },
  {
    name: 'node-overfilled',
    bug: 'a node is granted more than it claimed',
    file: at('gateway-state'),
    anchor:
      'return Math.max(0, Math.min(claim.slots - claim.used, leasesMax(node) - node.working))',
    replacement: 'return claim.slots'
  },
  {
    name: 'owners-run-out-unseen',
    bug: 'a unit that lacks owners waits for ever',
    file: at('starvation'),
    anchor:
      '    if (world.nowMs - sinceMs >= unit.packed.unit.timeouts.dispatch_ms) late.push(unit)\n',
    replacement: ''
  },
  {
    name: 'paid-and-told-nothing',
    bug: 'a node that was paid before a restart is told that its result was redundant',
    file: at('results'),
    anchor: '    if (before?.node === node) {',
    replacement: '    if (before?.node === null) {'
  },
  {
    name: 'leases-never-forgotten',
    bug: 'a session that is closed leaves its leases behind',
    file: at('sessions'),
    anchor: '    for (const { id } of leases) world.leases.delete(id)\n',
    replacement: ''
  },
  {
    name: 'claims-without-bound',
    bug: 'a node may have any number of claims',
    file: at('claims'),
    anchor: 'if (known === undefined && node.claims.size >= NODE_CLAIMS_MAX) {',
    replacement: 'if (known === undefined && node.claims.size < 0) {'
  },
  {
    name: 'silence-kills-units',
    bug: 'two owners whose leases ran out count as two who say that a unit is hopeless',
    file: at('housekeeping'),
    anchor: "  const tell = node.connected ? 'expired' : null\n",
    replacement:
      "  const tell = node.connected ? 'expired' : null\n  if (node.connected) unit.hopeless.push(lease.owner)\n"
  }
]
