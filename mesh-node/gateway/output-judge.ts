/**
 * Judging outputs for the gateway: has their bytes, checks them against their ids, asks KORA's judge
 * and compares what agrees. Says what it found; who is accepted is the machine's decision.
 */
import {
  type Agreement,
  agreementGroups,
  type Cid,
  type Comparable,
  cidMatches,
  decodeValue,
  type Judge,
  type Judgement,
  MeshError,
  type Value
} from '#contracts'
import type { JudgeCandidate, JudgedUnit, JudgeRequest } from '#mesh-node/core'
import { OutputShelf } from './output-shelf.ts'
import type { GatewayPorts } from './ports.ts'

/** Outputs in memory between their frame and their judgement: 4,096 of the largest that ride inline. */
const SHELF_BYTES_MAX = 64 * 1024 * 1024
/** Ids of outputs that are known to be stored; equal outputs, as of no-ops, are stored once. */
const STORED_MAX = 16_384

type Ports = Pick<GatewayPorts, 'blobs' | 'fetchBlob' | 'judge' | 'report'>
type Outputs = ReadonlyMap<Cid, Uint8Array | null>

export class OutputJudge {
  readonly #ports: Ports
  readonly #shelf = new OutputShelf(SHELF_BYTES_MAX)
  readonly #stored = new Map<Cid, Promise<unknown>>()

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /** An output that came inside a frame; bytes that are not what any id names are never asked for. */
  keep(cid: Cid, output: Uint8Array): void {
    this.#shelf.put(cid, output)
  }

  /** The judgement at once, where all outputs are at hand; null where some must be fetched. */
  judgeNow(request: JudgeRequest): JudgedUnit | null {
    const outputs = new Map<Cid, Uint8Array>()
    for (const candidate of request.candidates) {
      if (!needsBytes(request, candidate)) continue
      const output = this.#shelf.get(candidate.outputCid)
      if (output === undefined) return null
      outputs.set(candidate.outputCid, output)
    }
    return this.#judge(request, outputs)
  }

  /** As `judgeNow`, after fetching; an output that cannot be had is judged null. */
  async judge(request: JudgeRequest): Promise<JudgedUnit> {
    const outputs = new Map<Cid, Uint8Array | null>()
    const needed = request.candidates.filter((candidate) => needsBytes(request, candidate))
    await Promise.all(
      needed.map(async ({ outputCid, node }) => {
        if (outputs.has(outputCid)) return
        outputs.set(outputCid, null)
        outputs.set(outputCid, await this.#bytesOf(outputCid, node))
      })
    )
    return this.#judge(request, outputs)
  }

  /** Resolves when every output that was judged ok is in the store. */
  async stored(): Promise<void> {
    const writing = [...this.#stored.values()]
    await Promise.all(writing)
    for (const cid of [...this.#stored.keys()].slice(0, -STORED_MAX)) this.#stored.delete(cid)
  }

  async #bytesOf(cid: Cid, node: JudgeCandidate['node']): Promise<Uint8Array | null> {
    const { blobs, fetchBlob, report } = this.#ports
    const held = this.#shelf.get(cid) ?? (await blobs.get(cid))
    if (held !== null) return held
    try {
      await fetchBlob(cid, [node])
      return await blobs.get(cid)
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      // the unit only lacks its output; the operator hears what the node sent in its place
      report({ type: 'refused', node, code: error.code, facts: error.facts })
      return null
    }
  }

  #judge(request: JudgeRequest, outputs: Outputs): JudgedUnit {
    const { unit, session, candidates } = request
    const { agreement } = unit.unit.verification
    const comparables: { attempt: number; comparable: Comparable }[] = []
    const judgements: { attempt: number; judgement: Judgement | null }[] = []
    for (const candidate of candidates) {
      const { attempt } = candidate
      const output = outputs.get(candidate.outputCid) ?? null
      const judgement = candidate.ok ? OK : this.#opinion(request, candidate, output)
      const value = judgement === null ? undefined : valueFor(agreement, output)
      const isUnreadable = value === undefined && judgement !== null
      const final = isUnreadable ? UNREADABLE : judgement
      if (!candidate.ok) judgements.push({ attempt, judgement: final })
      if (value === undefined || final === null || !isComparable(final)) continue
      const { outputCid: cid, backendClass } = candidate
      comparables.push({ attempt, comparable: { cid, value, backendClass } })
    }
    const found = comparables.map(({ comparable }) => comparable)
    const groups = agreementGroups(agreement, found).map((group) =>
      group.map((index) => comparables[index]?.attempt ?? 0)
    )
    return { session, unit: unit.id, judgements, groups }
  }

  #opinion(
    { unit }: JudgeRequest,
    { outputCid }: JudgeCandidate,
    output: Uint8Array | null
  ): Judgement | null {
    if (output === null || !cidMatches(outputCid, output)) return null
    const isJudged = unit.unit.verification.mode !== 'none'
    const judgement = isJudged ? askJudge(this.#ports.judge, unit, output) : OK
    if (judgement.ok) this.#store(outputCid, output)
    return judgement
  }

  #store(cid: Cid, output: Uint8Array): void {
    if (this.#stored.has(cid)) return
    const storing = this.#ports.blobs.put(output, cid)
    this.#stored.set(cid, storing)
    // `stored` reports it; until then it is nobody's unhandled rejection
    storing.catch(() => this.#stored.get(cid) === storing)
  }
}

const OK: Judgement = { ok: true, issues: [], trigger: null }
const UNREADABLE: Judgement = {
  ok: false,
  issues: [{ path: '', rule: 'value', message: 'the output is no canonical value' }],
  trigger: 'schema_mismatch'
}

const isComparable = ({ ok, trigger }: Judgement): boolean => ok || trigger === 'confidence_below'

/** Ids alone say whether such results agree. */
const comparesIds = ({ level }: Agreement): boolean => level === 'exact' || level === 'class_exact'

const needsBytes = ({ unit }: JudgeRequest, { ok }: JudgeCandidate): boolean =>
  !ok || !comparesIds(unit.unit.verification.agreement)

/** The value to compare; undefined where the bytes are none. */
function valueFor(agreement: Agreement, output: Uint8Array | null): Value | undefined {
  if (comparesIds(agreement)) return null
  if (output === null) return undefined
  try {
    return decodeValue(output)
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return undefined
  }
}

/** What the judge cannot read breaks its schema. */
function askJudge(judge: Judge, unit: JudgeRequest['unit'], output: Uint8Array): Judgement {
  try {
    return judge(unit, output)
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return {
      ok: false,
      issues: [{ path: '', rule: error.code, message: error.message.slice(0, 200) }],
      trigger: 'schema_mismatch'
    }
  }
}
