/** Numbers as people read them. Rounds for the eye only: credit keeps all its digits. */

const MICRO_PER_CREDIT = 1_000_000
/** Between a number and its unit, so that no line ends there. */
const JOINED = '\u00a0'
const BYTE_STEPS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const exact = new Intl.NumberFormat('en', { minimumFractionDigits: 6, maximumFractionDigits: 6 })
const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hour12: false })
const moment = new Intl.DateTimeFormat('en', {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  hour12: false
})

export const count = (value: number): string => whole.format(value)
export const rate = (value: number): string => tenth.format(value)
export const percent = (value: number): string => `${whole.format(value)}${JOINED}%`
export const timeOfDay = (atMs: number): string => clock.format(atMs)
export const dateAndTime = (atMs: number): string => moment.format(atMs)
export const credits = (micro: number): string => exact.format(micro / MICRO_PER_CREDIT)

export function bytes(value: number): string {
  const step = value < 1 ? 0 : Math.min(BYTE_STEPS.length - 1, Math.floor(Math.log2(value) / 10))
  const scaled = value / 2 ** (10 * step)
  const digits = scaled >= 100 || step === 0 ? whole : tenth
  return `${digits.format(scaled)}${JOINED}${BYTE_STEPS[step] ?? 'B'}`
}

export const mebibytes = (value: number): string => bytes(value * 2 ** 20)

export function duration(ms: number): string {
  if (ms < 1000) return `${whole.format(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 60) return `${tenth.format(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${whole.format(Math.floor(seconds % 60))} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** The end of an id: all unit ids begin alike, and so do all node ids. */
const SHORT_CHARACTERS = 8
export const shortId = (id: string): string =>
  id.length <= SHORT_CHARACTERS ? id : `…${id.slice(-SHORT_CHARACTERS)}`

/** Minutes of the day as a time field has them: `07:30`. */
export const minutesAsTime = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`

export function timeAsMinutes(time: string): number | null {
  const read = /^([01]\d|2[0-3]):([0-5]\d)/.exec(time)
  return read === null ? null : Number(read[1]) * 60 + Number(read[2])
}
