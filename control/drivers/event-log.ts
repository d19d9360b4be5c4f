/**
 * The telemetry of sessions on disk: one JSON line per event, in a file per session, with the source
 * and sequence that make consumers idempotent. Appended in order; a line that a crash cut off is
 * dropped when the file is opened again. Judges nothing.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { EventDraft, MeshEvent, SessionId } from '#contracts'

/** Events that wait to be written together; one write per so many, and one per turn. */
const FLUSH_EVENTS = 512

export class EventLog {
  readonly #path: string
  readonly #source: string
  #next: number
  #waiting: string[] = []
  #scheduled = false

  constructor(dataFolder: string, session: SessionId) {
    mkdirSync(join(dataFolder, 'events'), { recursive: true })
    this.#path = eventFile(dataFolder, session)
    this.#source = `kora/session/${session}`
    this.#next = mendTail(this.#path)
  }

  append(draft: EventDraft): void {
    const event: MeshEvent = {
      specversion: '1.0',
      source: this.#source,
      id: String(this.#next++),
      ...draft
    }
    this.#waiting.push(JSON.stringify(event))
    if (this.#waiting.length >= FLUSH_EVENTS) this.flush()
    else if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => this.flush())
    }
  }

  flush(): void {
    this.#scheduled = false
    if (this.#waiting.length === 0) return
    appendFileSync(this.#path, `${this.#waiting.join('\n')}\n`)
    this.#waiting = []
  }
}

const eventFile = (dataFolder: string, session: SessionId): string =>
  join(dataFolder, 'events', `${session}.jsonl`)

/** Drops half a line at the end; gives the sequence of the next event. */
function mendTail(path: string): number {
  if (!existsSync(path)) return 0
  const text = readFileSync(path, 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole))
  return whole.split('\n').length - 1
}

/** The events of a session, oldest first; empty where none were kept. */
export function readEvents(dataFolder: string, session: SessionId): MeshEvent[] {
  const path = eventFile(dataFolder, session)
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line): MeshEvent => JSON.parse(line))
}
