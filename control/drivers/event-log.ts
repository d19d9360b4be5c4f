/**
 * The telemetry of sessions on disk: one JSON line per event, in a file per session, with the source
 * and sequence that make consumers idempotent. Appended in order; half a line, of a crash or of a full
 * disk, is dropped, and the number that it had is given again. Judges nothing.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { EventDraft, MeshEvent, SessionId } from '#contracts'
import { diskError } from '#mesh-node/store'

/** Events that wait to be written together; one write per so many, and one per turn. */
const FLUSH_EVENTS = 512

export interface EventLogOptions {
  readonly dataFolder: string
  readonly session: SessionId
  /** Told once, where the disk takes no more; what comes afterwards is not kept. */
  readonly failed: (error: unknown) => void
}

export class EventLog {
  readonly #path: string
  readonly #source: string
  readonly #failed: (error: unknown) => void
  #next: number
  #waiting: string[] = []
  #scheduled = false
  #isBroken = false

  /** Throws `store.*` where the disk refuses. */
  constructor({ dataFolder, session, failed }: EventLogOptions) {
    this.#path = eventFile(dataFolder, session)
    this.#source = `kora/session/${session}`
    this.#failed = failed
    try {
      mkdirSync(join(dataFolder, 'events'), { recursive: true })
      this.#next = mendTail(this.#path)
    } catch (error) {
      throw diskError(error, this.#path)
    }
  }

  append(draft: EventDraft): void {
    if (this.#isBroken) return
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
    const lines = `${this.#waiting.join('\n')}\n`
    this.#waiting = []
    try {
      appendFileSync(this.#path, lines)
    } catch (error) {
      this.#isBroken = true
      mendTail(this.#path)
      this.#failed(diskError(error, this.#path))
    }
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
