/** Planted bugs of the node's agent, and of the contracts that both sides of a lease go by. */
import type { Mutant } from './mutant.ts'

const at = (file: string) => `mesh-node/core/agent/${file}.ts`

export const AGENT_MUTANTS: readonly Mutant[] = [
  {
    name: 'lease-by-wall-clock',
    bug: 'a lease ends by the calendar, not so long after it was granted',
    file: at('lease-desk'),
    anchor: 'expiresAtMs: this.#context.nowMs + offer.ttlMs',
    replacement: 'expiresAtMs: 1_700_000_000_000 + offer.ttlMs'
  },
  {
    name: 'lease-outlived',
    bug: 'a node works on leases whose time is up',
    file: at('lease-table'),
    anchor: '    if (nowMs < this.#nextDeadlineMs) return []\n',
    replacement: '    if (nowMs < this.#nextDeadlineMs + 600_000) return []\n'
  },
  {
    name: 'more-runs-than-slots',
    bug: 'a run that is being killed holds no slot',
    file: at('lease-table'),
    anchor: '    if (options.stopping) this.#stopping.add(lease.id)\n',
    replacement: ''
  },
  {
    name: 'ended-lease-taken-again',
    bug: 'a lease that has ended is run again when it is granted again',
    file: at('lease-desk'),
    anchor: "    if (this.#leases.hasEnded(offer.lease)) return 'ended'\n",
    replacement: ''
  },
  {
    name: 'held-lease-taken-again',
    bug: 'a lease that comes twice is entered twice',
    file: at('lease-desk'),
    anchor: '      if (held !== undefined) {\n        if (held.gateway',
    replacement: '      if (held?.gateway === null) {\n        if (held.gateway'
  },
  {
    name: 'result-not-told-again',
    bug: 'a result that was lost with its link is never told again',
    file: at('lease-desk'),
    anchor: '      else this.#tell(lease)\n    }\n  }\n\n  reveal(',
    replacement: '    }\n  }\n\n  reveal('
  },
  {
    name: 'revoked-lease-goes-on',
    bug: 'a node goes on with a lease that was taken back',
    file: at('lease-desk'),
    anchor: "      this.#endAs(lease, body.reason === 'expired' ? 'expired' : 'revoked')\n",
    replacement: ''
  },
  {
    name: 'revoked-run-goes-on',
    bug: 'what runs under a lease that was taken back is not stopped',
    file: at('lease-desk'),
    anchor: "    if (stopping) this.#context.out.push({ type: 'kill', lease: lease.id })\n",
    replacement: ''
  },
  {
    name: 'result-shown-early',
    bug: 'a result is shown before anybody asked for it',
    file: at('lease-desk'),
    anchor: '    else if (lease.commit && !lease.revealed) this.#tell(lease)\n',
    replacement: ''
  },
  {
    name: 'reveal-forgotten',
    bug: 'a result that was asked for is never shown',
    file: at('lease-desk'),
    anchor: "      if (lease.phase === 'committed') this.#deliver(lease)\n",
    replacement: ''
  },
  {
    name: 'results-kept-back',
    bug: 'results that wait for each other wait for ever',
    file: at('result-gate'),
    anchor: 'if (this.#held.size < leasesReady && nowMs < this.#dueAtMs) return []',
    replacement: 'if (this.#held.size < leasesReady || leasesReady === 0) return []'
  },
  {
    name: 'no-heartbeat',
    bug: 'a node sends one heartbeat and no more',
    file: at('agent-connections'),
    anchor: '      entry.heartbeatAtMs = nowMs + entry.heartbeatMs\n',
    replacement: '      entry.heartbeatAtMs = null\n'
  },
  {
    name: 'never-dials-again',
    bug: 'a node that lost its gateway stays away',
    file: at('gateway-book'),
    anchor: '    entry.redialAtMs = nowMs + this.#pauseMs(entry)\n',
    replacement: ''
  },
  {
    name: 'dials-without-pause',
    bug: 'a gateway that is not there is dialled again at once',
    file: at('gateway-book'),
    anchor: 'return Math.round(pauseMs * (1 + REDIAL_JITTER * this.#share(entry)))',
    replacement: 'return 0 * pauseMs'
  },
  {
    name: 'commitment-of-anybody',
    bug: 'a commitment names no node, so that it can be copied',
    file: 'contracts/messages/commit.ts',
    anchor: '(output: Cid, node: PeerId): Uint8Array =>',
    replacement: '(output: Cid, _node: PeerId, node = 0): Uint8Array =>'
  },
  {
    name: 'lease-of-any-attempt',
    bug: 'all attempts of a unit on one node are one lease',
    file: 'contracts/messages/grant.ts',
    anchor: 'leaseIdOf(unit: UnitId, attempt: number, node: PeerId): LeaseId {',
    replacement: 'leaseIdOf(unit: UnitId, _attempt: number, node: PeerId, attempt = 0): LeaseId {'
  }
]
