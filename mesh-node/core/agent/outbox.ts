/**
 * What one step has to say, gathered so that each gateway gets one frame of a kind with many items
 * in it. Order between kinds is kept: results before releases, so that nothing finished is handed back.
 */
import {
  type Attestation,
  type FailureMessage,
  type LeaseId,
  MESSAGE_ITEMS_MAX,
  type PeerId
} from '#contracts'
import type { AgentEffect, BuiltInItem } from './agent-contract.ts'

type Commitment = { readonly lease_id: LeaseId; readonly commitment: Uint8Array }
type Failure = FailureMessage['failures'][number]

type Releases = Map<string, { gateway: PeerId; reason: string; leases: LeaseId[] }>

export class Outbox {
  #effects: AgentEffect[] = []
  // most steps say nothing of these, and there are many steps
  #commits: Map<PeerId, Commitment[]> | null = null
  #results: Map<PeerId, Attestation[]> | null = null
  #failures: Map<PeerId, Failure[]> | null = null
  #releases: Releases | null = null
  #builtIn: BuiltInItem[] | null = null
  #forgotten: LeaseId[] | null = null

  push(effect: AgentEffect): void {
    this.#effects.push(effect)
  }

  commit(gateway: PeerId, commitment: Commitment): void {
    this.#commits ??= new Map()
    listOf(this.#commits, gateway).push(commitment)
  }

  result(gateway: PeerId, attestation: Attestation): void {
    this.#results ??= new Map()
    listOf(this.#results, gateway).push(attestation)
  }

  failure(gateway: PeerId, failure: Failure): void {
    this.#failures ??= new Map()
    listOf(this.#failures, gateway).push(failure)
  }

  release(gateway: PeerId, lease: LeaseId, reason: string): void {
    this.#releases ??= new Map()
    const key = `${gateway} ${reason}`
    const held = this.#releases.get(key)
    if (held === undefined) this.#releases.set(key, { gateway, reason, leases: [lease] })
    else held.leases.push(lease)
  }

  runBuiltIn(item: BuiltInItem): void {
    this.#builtIn ??= []
    this.#builtIn.push(item)
  }

  forget(lease: LeaseId): void {
    this.#forgotten ??= []
    this.#forgotten.push(lease)
  }

  /** All effects of the step, in order; the outbox is empty afterwards. */
  seal(): readonly AgentEffect[] {
    const effects = this.#effects
    this.#effects = []
    if (this.#commits !== null) this.#sealCommits(this.#commits, effects)
    if (this.#results !== null) this.#sealResults(this.#results, effects)
    if (this.#failures !== null) this.#sealFailures(this.#failures, effects)
    if (this.#releases !== null) this.#sealReleases(this.#releases, effects)
    if (this.#forgotten !== null) {
      effects.push({ type: 'forget', leases: this.#forgotten })
      this.#forgotten = null
    }
    if (this.#builtIn !== null) {
      effects.push({ type: 'run-built-in', items: this.#builtIn })
      this.#builtIn = null
    }
    return effects
  }

  #sealCommits(commits: Map<PeerId, Commitment[]>, effects: AgentEffect[]): void {
    for (const [gateway, items] of commits) {
      for (const commitments of chunks(items)) {
        const frame = { kind: 'commit', body: { v: 1, commitments } } as const
        effects.push({ type: 'send', gateway, frame })
      }
    }
    this.#commits = null
  }

  #sealResults(results: Map<PeerId, Attestation[]>, effects: AgentEffect[]): void {
    for (const [gateway, items] of results) {
      for (const attestations of chunks(items)) {
        effects.push({ type: 'attest', gateway, attestations })
      }
    }
    this.#results = null
  }

  #sealFailures(failures: Map<PeerId, Failure[]>, effects: AgentEffect[]): void {
    for (const [gateway, items] of failures) {
      for (const part of chunks(items)) {
        const frame = { kind: 'failure', body: { v: 1, failures: part } } as const
        effects.push({ type: 'send', gateway, frame })
      }
    }
    this.#failures = null
  }

  #sealReleases(releases: Releases, effects: AgentEffect[]): void {
    for (const { gateway, reason, leases } of releases.values()) {
      for (const part of chunks(leases)) {
        const frame = { kind: 'release', body: { v: 1, leases: part, reason } } as const
        effects.push({ type: 'send', gateway, frame })
      }
    }
    this.#releases = null
  }
}

function listOf<T>(lists: Map<PeerId, T[]>, gateway: PeerId): T[] {
  const held = lists.get(gateway)
  if (held !== undefined) return held
  const made: T[] = []
  lists.set(gateway, made)
  return made
}

/** Parts of at most MESSAGE_ITEMS_MAX; the list itself where it is short enough. */
function chunks<T>(items: T[]): T[][] {
  if (items.length <= MESSAGE_ITEMS_MAX) return [items]
  const parts: T[][] = []
  for (let start = 0; start < items.length; start += MESSAGE_ITEMS_MAX) {
    parts.push(items.slice(start, start + MESSAGE_ITEMS_MAX))
  }
  return parts
}
