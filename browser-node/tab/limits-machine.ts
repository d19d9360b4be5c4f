/**
 * What the owner of the machine allows, as a machine: when the tab works, when it lets go at once,
 * when it finishes and stops, and how it spreads its runs. Decides from the inputs alone; the tab
 * carries the effects out. It knows nothing of the mesh.
 *
 * Battery, metered lines, the schedule and a frozen page hand running units back; the other rules
 * let them end. `offline` is shown and changes nothing: what runs is delivered when the line is back.
 */
import { assert } from '#contracts'
import { HOLD_RULES, type Hold, type HoldRule, type TabLimits } from '../tab-contract.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const MIB = 1024 * 1024
/** Rests over this are spent without a claim, so that no lease ends while it waits here. */
const REST_UNCLAIMED_MS = 10_000

export interface Sensed {
  readonly onBattery: boolean
  readonly metered: boolean
  readonly online: boolean
  /** The browser is about to stop the page's timers. */
  readonly frozen: boolean
}

type Timed<T> = T & {
  readonly nowMs: number
  /** Minutes to add to get the owner's own clock. */
  readonly utcOffsetMin: number
}
export type LimitsInput = Timed<
  | { readonly type: 'start' }
  | { readonly type: 'pause' }
  | { readonly type: 'finish' }
  | { readonly type: 'override'; readonly rule: HoldRule }
  | { readonly type: 'limits'; readonly limits: TabLimits }
  | { readonly type: 'sensed'; readonly sensed: Sensed }
  | { readonly type: 'fetched'; readonly bytes: number }
  /** A unit was done; `ranMs` is how long it kept the machine busy. */
  | { readonly type: 'unit-done'; readonly ranMs: number }
  /** A run that came to nothing kept the machine busy all the same. */
  | { readonly type: 'run-lost'; readonly ranMs: number }
  | { readonly type: 'agent-idle' }
  | { readonly type: 'tick' }
>

export type LimitsEffect =
  /** Take work. */
  | { readonly type: 'work' }
  /** Hand back what runs, and take nothing. */
  | { readonly type: 'let-go' }
  /** Let what runs end, and take nothing. */
  | { readonly type: 'finish' }
  /** Whether a unit may begin to run now. */
  | { readonly type: 'gate'; readonly open: boolean }
  /** Call `tick` then; an earlier timer is replaced. */
  | { readonly type: 'timer'; readonly atMs: number }

export type Stand = 'work' | 'let-go' | 'finish'
type Wish = 'off' | 'on' | 'finishing'

/** Whether the rule lets what runs end. */
const IS_GENTLE: Readonly<Record<HoldRule, boolean>> = {
  owner: false,
  battery: false,
  metered: false,
  schedule: false,
  hidden: false,
  unit_limit: true,
  download_cap: true,
  offline: true
}

export interface LimitsStart {
  readonly limits: TabLimits
  /** What was fetched on the local day `day` before this page was opened. */
  readonly fetched: { readonly day: number; readonly bytes: number }
}

export class LimitsMachine {
  #limits: TabLimits
  #wish: Wish = 'off'
  #sensed: Sensed = { onBattery: false, metered: false, online: true, frozen: false }
  /** Rules that hold by their condition, whether lifted or not. */
  #standing = new Set<HoldRule>()
  readonly #lifted = new Set<HoldRule>()
  #fetched: { day: number; bytes: number }
  #unitsSinceStart = 0
  #restUntilMs = 0
  #stand: Stand = 'let-go'
  #isGateOpen = true
  #timerAtMs = Number.POSITIVE_INFINITY
  #nowMs = 0
  #utcOffsetMin = 0

  constructor({ limits, fetched }: LimitsStart) {
    this.#limits = limits
    this.#fetched = { ...fetched }
  }

  step(input: LimitsInput): readonly LimitsEffect[] {
    this.#nowMs = input.nowMs
    this.#utcOffsetMin = input.utcOffsetMin
    if (this.#day() !== this.#fetched.day) this.#fetched = { day: this.#day(), bytes: 0 }
    this.#take(input)
    this.#judge()
    return this.#effects()
  }

  get stand(): Stand {
    return this.#stand
  }

  get isResting(): boolean {
    return this.#restUntilMs > this.#nowMs
  }

  get wish(): Wish {
    return this.#wish
  }

  /** What was fetched on this local day. */
  get fetched(): { readonly day: number; readonly bytes: number } {
    return { ...this.#fetched }
  }

  get mayFetch(): boolean {
    return !this.#holds('download_cap')
  }

  /** Every rule that keeps the tab from work now. */
  holds(): readonly Hold[] {
    const rules = [...this.#standing].filter((rule) => this.#holds(rule))
    return rules.map((rule) => ({ rule, untilMs: this.#untilMs(rule) }))
  }

  #take(input: LimitsInput): void {
    switch (input.type) {
      case 'start':
        this.#wish = 'on'
        this.#unitsSinceStart = 0
        return
      case 'pause':
        this.#wish = 'off'
        return
      case 'finish':
        if (this.#wish === 'on') this.#wish = 'finishing'
        return
      case 'agent-idle':
        if (this.#wish === 'finishing') this.#wish = 'off'
        return
      case 'override':
        this.#override(input.rule)
        return
      case 'limits':
        this.#limits = input.limits
        if (input.limits.intensityPercent === 100) this.#restUntilMs = 0
        return
      case 'sensed':
        this.#sensed = input.sensed
        return
      case 'fetched':
        this.#fetched.bytes += input.bytes
        return
      case 'unit-done':
        this.#unitsSinceStart += 1
        this.#rest(input.ranMs)
        return
      case 'run-lost':
        this.#rest(input.ranMs)
        return
      case 'tick':
        this.#timerAtMs = Number.POSITIVE_INFINITY
        return
    }
  }

  #override(rule: HoldRule): void {
    if (rule === 'owner') this.#wish = 'on'
    else if (rule === 'unit_limit') this.#unitsSinceStart = 0
    else if (this.#standing.has(rule)) this.#lifted.add(rule)
  }

  /** After a run the machine rests, so that runs take their share of the time and no more. */
  #rest(ranMs: number): void {
    const { intensityPercent } = this.#limits
    const restMs = (ranMs * (100 - intensityPercent)) / intensityPercent
    this.#restUntilMs = Math.max(this.#restUntilMs, this.#nowMs) + restMs
  }

  /** A lifted rule stays lifted until its condition ends: then it would begin anew. */
  #judge(): void {
    const { onBattery, metered, online, frozen } = this.#sensed
    const { pauseOnBattery, pauseOnMetered, schedule, stopAfterUnits } = this.#limits
    const conditions: Readonly<Record<HoldRule, boolean>> = {
      owner: this.#wish === 'off',
      battery: pauseOnBattery && onBattery,
      metered: pauseOnMetered && metered,
      schedule: schedule !== null && !isWithin(schedule, this.#minute()),
      unit_limit: stopAfterUnits !== null && this.#unitsSinceStart >= stopAfterUnits,
      download_cap: this.#fetched.bytes >= this.#limits.downloadMbPerDay * MIB,
      offline: !online,
      hidden: frozen
    }
    this.#standing = new Set()
    for (const rule of HOLD_RULES) {
      if (conditions[rule]) this.#standing.add(rule)
      else this.#lifted.delete(rule)
    }
  }

  #holds(rule: HoldRule): boolean {
    return this.#standing.has(rule) && !this.#lifted.has(rule)
  }

  #wanted(): Stand {
    const rules = [...this.#standing].filter((rule) => this.#holds(rule) && rule !== 'offline')
    if (rules.some((rule) => !IS_GENTLE[rule])) return 'let-go'
    const isLongRest = this.#restUntilMs - this.#nowMs > REST_UNCLAIMED_MS
    if (this.#wish === 'finishing' || rules.length > 0 || isLongRest) return 'finish'
    // a rest that was begun without a claim ends so
    if (this.#stand === 'finish' && this.isResting) return 'finish'
    return 'work'
  }

  #effects(): LimitsEffect[] {
    const effects: LimitsEffect[] = []
    const wanted = this.#wanted()
    const isOpen = !this.isResting
    if (isOpen !== this.#isGateOpen) effects.push({ type: 'gate', open: isOpen })
    this.#isGateOpen = isOpen
    if (wanted !== this.#stand) effects.push({ type: wanted })
    this.#stand = wanted
    const next = this.#nextChangeMs()
    if (next < this.#timerAtMs) {
      this.#timerAtMs = next
      effects.push({ type: 'timer', atMs: next })
    }
    return effects
  }

  /** When time alone may change what holds. */
  #nextChangeMs(): number {
    const { schedule } = this.#limits
    const times = [this.#midnightMs()]
    if (this.isResting) times.push(this.#restUntilMs)
    if (schedule !== null) {
      times.push(this.#nextMinuteMs(schedule.fromMin), this.#nextMinuteMs(schedule.toMin))
    }
    const next = Math.min(...times)
    assert(next > this.#nowMs, 'the next change is to come')
    return next
  }

  #untilMs(rule: HoldRule): number | null {
    const { schedule } = this.#limits
    if (rule === 'schedule' && schedule !== null) return this.#nextMinuteMs(schedule.fromMin)
    return rule === 'download_cap' ? this.#midnightMs() : null
  }

  #localMs(): number {
    return this.#nowMs + this.#utcOffsetMin * MINUTE_MS
  }

  #day(): number {
    return Math.floor(this.#localMs() / DAY_MS)
  }

  #minute(): number {
    return Math.floor((this.#localMs() - this.#day() * DAY_MS) / MINUTE_MS)
  }

  #midnightMs(): number {
    return this.#nowMs + DAY_MS - (this.#localMs() - this.#day() * DAY_MS)
  }

  /** The next time that the owner's clock shows this minute. */
  #nextMinuteMs(minute: number): number {
    const today = this.#day() * DAY_MS + minute * MINUTE_MS - this.#localMs()
    return this.#nowMs + (today > 0 ? today : today + DAY_MS)
  }
}

/** `from` after `to` runs over midnight; the same minute twice is the whole day. */
function isWithin({ fromMin, toMin }: { fromMin: number; toMin: number }, minute: number): boolean {
  if (fromMin === toMin) return true
  if (fromMin < toMin) return minute >= fromMin && minute < toMin
  return minute >= fromMin || minute < toMin
}
