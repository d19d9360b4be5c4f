/** What `krako-node status` shows: the node's status as a document with plain keys, and as lines for people. */
import type { NodeStatus } from '../node.ts'
import { table } from './run-program.ts'

/** The same data with keys as other programs expect them: `peer_id`, not `peerId`. */
export const statusDocument = (status: NodeStatus): unknown => plainKeys(status)

function plainKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      plainKeys(inner)
    ])
  )
}

/** The page that people read: who, where, what it does and why not, what came of it. */
export function statusLines(status: NodeStatus): string[] {
  const { agent, executors, cache } = status
  const doing = agent.idle === null ? 'working' : `idle: ${agent.idle.detail} [${agent.idle.rule}]`
  const lines = [
    `node       ${status.peerId}${status.owner === status.peerId ? '' : ` (${status.owner})`}`,
    `mesh       ${status.meshName} ${status.mesh}`,
    `state      ${agent.mode}, ${doing}`,
    `network    ${status.peers} peers, ${status.addresses.join(' ') || 'dials only'}`,
    `leases     ${pairs(agent.leases)}`,
    `ended      ${pairs(agent.ends)}`,
    `earned     ${agent.earnedMicro} micro-credits`,
    `executors  ${executors.running} of ${executors.slots} slots busy, ${executors.children} processes`,
    `cache      ${cache.blobs} blobs, ${(cache.bytes / 2 ** 20).toFixed(1)} MiB`,
    `log        ${status.log.entries} entries in ${status.log.id}`
  ]
  if (status.forked.sequencer) {
    lines.push('forked     the control node signed two ledgers: nothing more of it is followed')
  }
  if (Object.keys(agent.refused).length > 0) lines.push(`refused    ${pairs(agent.refused)}`)
  if (agent.lastFailure !== null) lines.push(`last fail  ${agent.lastFailure}`)
  if (agent.lastRejection !== null) lines.push(`last rejection  ${agent.lastRejection}`)
  if (status.drill !== null) lines.push(`drill      ${status.drill}: this node lies on purpose`)
  return [...lines, ...gatewayLines(status), ...runningLines(status), ...modelLines(status)]
}

const pairs = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')

const gatewayLines = ({ agent }: NodeStatus): string[] =>
  table(
    ['gateway', 'link', 'leases', 'claimed'],
    agent.gateways.map((one) => [one.gateway, one.phase, one.leases, one.claimedSlots ?? '-'])
  )

function runningLines({ agent }: NodeStatus): string[] {
  if (agent.running.length === 0) return []
  const rows = agent.running.map((one) => [one.unit, one.taskId, one.tenant, one.forMs])
  return ['', ...table(['running', 'task', 'tenant', 'ms'], rows)]
}

function modelLines({ agent }: NodeStatus): string[] {
  if (agent.models.length === 0) return []
  const rows = agent.models.map((one) => [one.model, one.phase, one.reason])
  return ['', ...table(['model', 'state', 'reason'], rows)]
}
