/**
 * What a tab remembers of one mesh, and of the day: finished units, minutes, counts, outcomes of
 * golden runs and the owner's limits. Held in memory and written to the profile a little later; a
 * profile that takes nothing is said when it is written.
 */
import { z } from 'zod'
import { bytesToHex, type MeshId, sha256 } from '#contracts'
import type { TrialOutcome, TrialRecord } from '#mesh-node/portable'
import type { HistoryPoint, TabLimits } from '../tab-contract.ts'
import { HISTORY_POINTS_MAX, HistoryBook, StoredPoint } from './history-book.ts'
import { DEFAULT_LIMITS, readLimits, StoredLimits } from './owner-limits.ts'
import type { Profile } from './profile.ts'
import { StoredRecord, UnitBook, type UnitRecord } from './unit-book.ts'

const LIMITS_KEY = 'limits'
const DAY_KEY = 'day'
const StoredDay = z.strictObject({ day: z.int(), bytes: z.number() })
const StoredCounts = z.strictObject({
  done: z.int(),
  rejected: z.int(),
  lost: z.int(),
  downBytes: z.number(),
  upBytes: z.number()
})
type Counts = z.infer<typeof StoredCounts>
const StoredTrial = z.strictObject({ ok: z.boolean(), reason: z.string().max(1_000) })
const StoredTime = z.strictObject({ atMs: z.number() })

const NO_COUNTS: Counts = { done: 0, rejected: 0, lost: 0, downBytes: 0, upBytes: 0 }

export interface Day {
  readonly day: number
  readonly bytes: number
}

interface Kept {
  readonly profile: Profile
  readonly mesh: MeshId
  readonly records: readonly UnitRecord[]
  readonly points: readonly HistoryPoint[]
  readonly counts: Counts
  readonly fetched: Day
  readonly times: ReadonlyMap<number, number>
}

export class TabMemory implements TrialRecord {
  readonly profile: Profile
  readonly units: UnitBook
  readonly history: HistoryBook
  readonly fetched: Day
  readonly #prefix: string
  readonly #times: Map<number, number>
  /** Written at the next `keep`; null: dropped then. */
  readonly #pending = new Map<string, object | null>()
  #counts: Counts
  #keptDay: Day

  private constructor({ profile, mesh, records, points, counts, fetched, times }: Kept) {
    this.profile = profile
    this.fetched = fetched
    this.#keptDay = fetched
    this.#prefix = `mesh/${mesh}`
    this.#counts = counts
    this.#times = new Map(times)
    this.history = new HistoryBook(points)
    this.units = new UnitBook(records, {
      changed: (record) => this.#recorded(record),
      dropped: (record) => this.#pending.set(this.#lineKey(record), null)
    })
  }

  static async open(profile: Profile, mesh: MeshId): Promise<TabMemory> {
    const prefix = `mesh/${mesh}`
    const records = await profile.list(`${prefix}/unit/`, StoredRecord)
    const points = await profile.list(`${prefix}/minute/`, StoredPoint)
    const times = await profile.list(`${prefix}/trust/`, StoredTime)
    const byEnd = records.map(([, record]) => record).sort((a, b) => a.endedMs - b.endedMs)
    return new TabMemory({
      profile,
      mesh,
      records: byEnd,
      points: points.map(([, point]) => point),
      counts: (await profile.read(`${prefix}/counts`, StoredCounts)) ?? NO_COUNTS,
      fetched: (await profile.read(DAY_KEY, StoredDay)) ?? { day: 0, bytes: 0 },
      times: new Map(times.map(([key, { atMs }]) => [Number(key.split('/').at(-1)), atMs]))
    })
  }

  get counts(): Counts {
    return this.#counts
  }

  /** What the owner allowed on an earlier visit, or what a stranger's machine is first asked for. */
  async limits(): Promise<TabLimits> {
    return readLimits((await this.profile.read(LIMITS_KEY, StoredLimits)) ?? DEFAULT_LIMITS)
  }

  async keepLimits(limits: TabLimits): Promise<void> {
    await this.profile.keep(LIMITS_KEY, limits)
  }

  traffic(nowMs: number, change: Partial<Omit<HistoryPoint, 'atMs'>>): void {
    this.history.add(nowMs, change)
    const { downBytes = 0, upBytes = 0 } = change
    if (downBytes + upBytes === 0) return
    const { downBytes: down, upBytes: up, ...rest } = this.#counts
    this.#setCounts({ ...rest, downBytes: down + downBytes, upBytes: up + upBytes })
  }

  /** When this tab first saw that change of its score: entries of a ledger carry no time. */
  seenAtMs(seq: number, nowMs: number): number {
    const known = this.#times.get(seq)
    if (known !== undefined) return known
    this.#times.set(seq, nowMs)
    this.#pending.set(`${this.#prefix}/trust/${seq}`, { atMs: nowMs })
    return nowMs
  }

  async read(key: string): Promise<TrialOutcome | undefined> {
    return this.profile.read(trialKey(key), StoredTrial)
  }

  async write(key: string, { ok, reason }: TrialOutcome): Promise<void> {
    await this.profile.keep(trialKey(key), { ok, reason: reason.slice(0, 1_000) })
  }

  /** Writes what changed. Throws `identity.unusable` or `store.disk_full` where it is not taken. */
  async keep(fetched: Day): Promise<void> {
    const point = this.history.takeChange()
    if (point !== null) {
      this.#pending.set(this.#minuteKey(point.atMs), point)
      this.#pending.set(this.#minuteKey(point.atMs - HISTORY_POINTS_MAX * 60_000), null)
    }
    if (fetched.day !== this.#keptDay.day || fetched.bytes !== this.#keptDay.bytes) {
      this.#keptDay = fetched
      this.#pending.set(DAY_KEY, fetched)
    }
    const pending = [...this.#pending]
    this.#pending.clear()
    for (const [key, value] of pending) {
      if (value === null) await this.profile.drop(key)
      else await this.profile.keep(key, value)
    }
  }

  async close(): Promise<void> {
    await this.profile.close()
  }

  #recorded(record: UnitRecord): void {
    this.#pending.set(this.#lineKey(record), record)
    const { done, rejected, lost, ...rest } = this.#counts
    if (record.stage === 'accepted') this.#setCounts({ ...rest, rejected, lost, done: done + 1 })
    if (record.stage === 'rejected')
      this.#setCounts({ ...rest, done, lost, rejected: rejected + 1 })
    if (record.stage === 'lost') this.#setCounts({ ...rest, done, rejected, lost: lost + 1 })
  }

  #setCounts(counts: Counts): void {
    this.#counts = counts
    this.#pending.set(`${this.#prefix}/counts`, counts)
  }

  #lineKey({ lease }: UnitRecord): string {
    return `${this.#prefix}/unit/${lease}`
  }

  #minuteKey(atMs: number): string {
    return `${this.#prefix}/minute/${String(atMs).padStart(16, '0')}`
  }
}

const trialKey = (key: string): string =>
  `trial/${bytesToHex(sha256(new TextEncoder().encode(key)))}`
