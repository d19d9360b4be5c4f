/**
 * Strict JSON with places: what `JSON.parse` takes, less duplicate keys, and where each value stands.
 * Iterative, for a hostile text is nested as deep as it is long.
 */
import type { Issue } from '#contracts'

/** What a text says, how it breaks its own grammar, and where a JSON pointer leads in it. */
export interface ReadText {
  /** Plain data; undefined where the text could not be read. */
  readonly plain: unknown
  readonly issues: readonly Issue[]
  /** Places of the values at these JSON pointers, as offsets; of the nearest parent where absent. */
  readonly locate: (pointers: readonly string[]) => ReadonlyMap<string, number>
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d])
const OPEN = new Set([0x7b, 0x5b])
const CLOSE = new Set([0x7d, 0x5d])
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b

interface Frame {
  readonly keys: Set<string> | null
  expectsKey: boolean
  part: string
  index: number
}

interface Entry {
  readonly frames: readonly Frame[]
  readonly offset: number
  readonly isDuplicate: boolean
}

export function readJsonText(text: string): ReadText {
  let plain: unknown
  try {
    plain = JSON.parse(text)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const position = /position (\d+)/.exec(message)?.[1]
    const issue = { path: '', rule: 'json_malformed', message: message.slice(0, 200) }
    const offset = position === undefined ? text.length : Number(position)
    return { plain: undefined, issues: [issue], locate: () => new Map([['', offset]]) }
  }
  const issues: Issue[] = []
  walkJson(text, ({ frames, isDuplicate }) => {
    if (isDuplicate && issues.length < DUPLICATES_MAX)
      issues.push({ path: pointerOfFrames(frames), rule: 'duplicate_key', message: 'stands twice' })
  })
  return { plain, issues, locate: (pointers) => locateJson(text, pointers) }
}

/** Duplicates listed; the shape has faults of its own to list. */
const DUPLICATES_MAX = 20

function locateJson(text: string, pointers: readonly string[]): ReadonlyMap<string, number> {
  const wanted = new Map<string, number>()
  for (const pointer of pointers)
    for (let at = pointer; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) wanted.set(at, -1)
  const depthMax = Math.max(0, ...pointers.map((pointer) => pointer.split('/').length - 1))
  walkJson(text, ({ frames, offset }) => {
    if (frames.length > depthMax) return
    const pointer = pointerOfFrames(frames)
    if (wanted.has(pointer)) wanted.set(pointer, offset)
  })
  return nearest(pointers, (pointer) => wanted.get(pointer) ?? -1)
}

/** The place of each pointer, or of the nearest parent that has one. */
export function nearest(
  pointers: readonly string[],
  placeOf: (pointer: string) => number
): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  for (const pointer of pointers) {
    let at = pointer
    while (at !== '' && placeOf(at) < 0) at = at.slice(0, at.lastIndexOf('/'))
    places.set(pointer, at === '' ? 0 : placeOf(at))
  }
  return places
}

/** Names every value of a text that `JSON.parse` has taken: a member at its key, an item at itself. */
function walkJson(text: string, onEntry: (entry: Entry) => void): void {
  const frames: Frame[] = []
  const onValue = (offset: number): void => {
    const frame = frames.at(-1)
    if (frame?.keys !== null) return
    frame.part = String(frame.index)
    onEntry({ frames, offset, isDuplicate: false })
  }
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const frame = frames.at(-1)
    if (SPACES.has(code) || code === COLON) continue
    if (code === QUOTE) {
      const end = endOfString(text, at)
      if (frame?.expectsKey === true) {
        frame.part = String(JSON.parse(text.slice(at, end + 1)))
        frame.expectsKey = false
        onEntry({ frames, offset: at, isDuplicate: frame.keys?.has(frame.part) === true })
        frame.keys?.add(frame.part)
      } else onValue(at)
      at = end
    } else if (OPEN.has(code)) {
      onValue(at)
      const isMap = code === OPEN_BRACE
      frames.push({ keys: isMap ? new Set() : null, expectsKey: isMap, part: '', index: 0 })
    } else if (CLOSE.has(code)) frames.pop()
    else if (code === COMMA) {
      if (frame !== undefined && frame.keys !== null) frame.expectsKey = true
      else if (frame !== undefined) frame.index++
    } else {
      onValue(at)
      at = endOfWord(text, at)
    }
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text.charCodeAt(at) !== QUOTE)
    at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at
}

function endOfWord(text: string, start: number): number {
  let at = start
  while (at + 1 < text.length && !/[\s,\]}]/.test(text[at + 1] ?? '')) at++
  return at
}

const pointerOfFrames = (frames: readonly Frame[]): string =>
  frames.map(({ part }) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
