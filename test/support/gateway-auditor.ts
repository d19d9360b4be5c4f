/** Checks the gateway's effects as they come, in any run: money, leases and events. */
import { equal, ok } from 'node:assert/strict'
import {
  type EntryBody,
  type EntryContent,
  type EventDraft,
  type LeaseId,
  type PackedUnit,
  type PeerId,
  TERMINAL_UNIT_EVENTS,
  type UnitId,
  type UnitOutcome
} from '#contracts'
import type { GatewayEffect } from '#mesh-node/core'
import { judgeByCid, type ModelNode } from './model-node.ts'

type ReservedItem = EntryBody<'units.reserved'>['items'][number]

export class Auditor {
  trusted: ReadonlySet<string> = new Set()
  maxCostMicro = Number.POSITIVE_INFINITY
  readonly nodes = new Map<PeerId, ModelNode>()
  readonly #units = new Map<UnitId, PackedUnit>()
  readonly #open = new Map<LeaseId, { unit: UnitId; attempt: number; micro: number }>()
  readonly #attempts = new Set<string>()
  readonly #closed = new Set<LeaseId>()
  readonly #canonical = new Set<UnitId>()
  readonly #queued = new Map<UnitId, number>()
  readonly #terminal = new Map<UnitId, number>()
  readonly #judgedOk = new Set<string>()
  readonly #recorded = new Set<LeaseId>()
  #reservedMicro = 0
  #postedMicro = 0

  know(unit: PackedUnit): void {
    this.#units.set(unit.id, unit)
  }

  unit(id: UnitId): PackedUnit {
    const unit = this.#units.get(id)
    ok(unit !== undefined, 'only submitted units are run')
    return unit
  }

  see(effect: GatewayEffect): void {
    if (effect.type === 'record') for (const content of effect.contents) this.#record(content)
    else if (effect.type === 'event') this.#event(effect.event)
    else if (effect.type === 'judge') {
      for (const item of effect.items) {
        const { judgements } = judgeByCid(item)
        for (const { attempt, judgement } of judgements) {
          if (judgement?.ok) this.#judgedOk.add(`${item.unit.id} ${attempt}`)
        }
      }
    } else if (effect.type === 'send' && effect.frame.kind === 'grant') {
      for (const { lease_id } of effect.frame.body.leases) {
        ok(this.#recorded.has(lease_id), 'a lease is in the log before it is granted')
      }
    }
  }

  /** A lease of an earlier life of the gateway. */
  recall({ unit, attempt, lease, max_micro: micro }: ReservedItem): void {
    this.#attempts.add(`${unit} ${attempt}`)
    this.#open.set(lease, { unit, attempt, micro })
    this.#reservedMicro += micro
  }

  recallSettled(lease: LeaseId, postedMicro: number): void {
    this.#settled(lease, postedMicro)
  }

  finish(outcomes: ReadonlyMap<UnitId, UnitOutcome>): void {
    for (const [id, count] of this.#queued) {
      equal(count, 1, 'a unit is queued once')
      equal(this.#terminal.get(id) ?? 0, 1, `a queued unit ends once: ${outcomes.get(id)?.status}`)
    }
    equal(this.#open.size, 0, 'every lease ends')
    equal(this.#reservedMicro, 0, 'every reservation returns')
  }

  #record(content: EntryContent): void {
    if (content.kind === 'units.reserved') {
      for (const item of content.body.items) this.#reserved(item)
    } else if (content.kind === 'units.withdrawn') {
      for (const { unit, stands } of content.body.items) if (!stands) this.#canonical.delete(unit)
    } else if (content.kind === 'units.voided') {
      for (const { lease } of content.body.items) this.#settled(lease, 0)
    } else if (content.kind === 'units.accepted') {
      for (const { unit, attempt, lease, canonical } of content.body.items) {
        this.#settled(lease, 10)
        const { verification } = this.unit(unit).unit
        const judged = this.#judgedOk.has(`${unit} ${attempt}`)
        ok(verification.mode === 'none' || judged, 'what is accepted was judged ok')
        if (canonical) {
          ok(!this.#canonical.has(unit), 'a unit has one canonical result')
          this.#canonical.add(unit)
        }
      }
    }
  }

  #reserved(item: ReservedItem): void {
    const { unit, attempt, lease, node, max_micro: micro } = item
    ok(!this.#attempts.has(`${unit} ${attempt}`), 'no two leases are of one attempt')
    ok(!this.#open.has(lease) && !this.#closed.has(lease), 'a lease is granted once')
    this.#attempts.add(`${unit} ${attempt}`)
    this.#open.set(lease, { unit, attempt, micro })
    this.#recorded.add(lease)
    this.#reservedMicro += micro
    ok(this.#reservedMicro + this.#postedMicro <= this.maxCostMicro, 'the budget holds')
    const { kind, constraints, verification } = this.unit(unit).unit
    const descriptor = this.nodes.get(node)?.descriptor
    ok(kind !== 'llm' || (descriptor?.pod_tiers.length ?? 0) > 0, 'llm units run on pods alone')
    ok(constraints.privacy !== 'local_only' || this.trusted.has(node), 'local_only stays trusted')
    if (verification.mode !== 'quorum') return
    const owners = new Set<string>()
    for (const [id, open] of this.#open) {
      if (open.unit !== unit) continue
      const owner = [...this.nodes.values()].find(({ granted }) =>
        granted.some(({ lease_id }) => lease_id === id)
      )?.descriptor.owner
      if (owner === undefined) continue
      ok(!owners.has(owner), 'leases of one quorum go to distinct owners')
      owners.add(owner)
    }
  }

  #settled(lease: LeaseId, postedMicro: number): void {
    const open = this.#open.get(lease)
    ok(open !== undefined, 'only an open lease is settled, and once')
    this.#open.delete(lease)
    this.#closed.add(lease)
    this.#reservedMicro -= open.micro
    this.#postedMicro += Math.min(postedMicro, open.micro)
  }

  #event({ type, work_unit_id: unit }: EventDraft): void {
    if (unit === null) return
    if (type === 'workunit.queued') this.#queued.set(unit, (this.#queued.get(unit) ?? 0) + 1)
    if (!TERMINAL_UNIT_EVENTS.includes(type)) return
    this.#terminal.set(unit, (this.#terminal.get(unit) ?? 0) + 1)
    equal(this.#terminal.get(unit), 1, 'a unit ends in one terminal event')
  }
}
