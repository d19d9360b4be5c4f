/**
 * Joins a ledger to the network: its gossip topics, and one sync link to every peer. Of two peers the
 * one with the smaller id opens the link. The same for nodes and for the control node.
 */
import { isDiskFault, type LogId, MeshError, type PeerId, type Verifier } from '#contracts'
import { type Ledger, LedgerSync } from '#ledger'
import type { AgentClock } from './agent/ports.ts'
import type { MeshNetwork } from './net/ports.ts'

export interface LedgerLinksPorts {
  readonly network: MeshNetwork
  readonly ledger: Ledger
  readonly verifier: Verifier
  readonly clock: AgentClock
  readonly onRefused?: (refused: { readonly peer: PeerId; readonly error: MeshError }) => void
  readonly onSynced?: (peer: PeerId) => void
  /**
   * Once for each log of which nothing more is taken: `ledger.conflict`; or `ledger.sequencer_forked`,
   * which is told at each start again.
   */
  readonly onFork?: (fork: MeshError) => void
  /** Our own mistake or a disk that refuses, found where nobody waits for an answer. */
  readonly fatal: (error: unknown) => void
}

/** Starts syncing; gives the sync, whose `close` ends it. */
export function linkLedger(ports: LedgerLinksPorts): LedgerSync {
  const { network, ledger, verifier, clock, fatal } = ports
  const sync = new LedgerSync({
    ledger,
    verifier,
    publish: (topic, bytes) => network.publish(topic, bytes),
    nowMs: () => clock.nowMs(),
    setTimer: (atMs, fire) => clock.setTimer(atMs, fire),
    onRefused: (refused) => {
      if (isDiskFault(refused.error)) fatal(refused.error)
      else ports.onRefused?.(refused)
    },
    ...(ports.onSynced === undefined ? {} : { onSynced: ports.onSynced })
  })
  tellForks(ledger, ports.onFork ?? (() => undefined))
  const open = async (peer: PeerId): Promise<void> => {
    if (network.peerId > peer) return
    try {
      sync.attach(await network.openLink(peer, 'sync'))
    } catch (error) {
      // a peer that is gone again, or keeps no ledger
      if (!(error instanceof MeshError)) throw error
    }
  }
  network.subscribe('ledger', sync)
  network.subscribe('fork', sync.forks)
  network.onLink('sync', (link) => sync.attach(link))
  network.onPeer((change, peer) => {
    if (change === 'connected') open(peer).catch(fatal)
  })
  for (const peer of network.peers()) open(peer).catch(fatal)
  return sync
}

function tellForks(ledger: Ledger, tell: (fork: MeshError) => void): void {
  const { forks, sequencerLog, genesis } = ledger
  const forkOf = (log: LogId, author: PeerId): MeshError => {
    const code = log === sequencerLog ? 'ledger.sequencer_forked' : 'ledger.conflict'
    return new MeshError(code, { log, author })
  }
  if (forks.has(sequencerLog)) tell(forkOf(sequencerLog, genesis.genesis.sequencer))
  forks.onFork(({ log, held }) => tell(forkOf(log, held.author)))
}
