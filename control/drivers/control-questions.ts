/**
 * The client's end of a control link: asks questions, hands on progress, and brings each answer to whoever
 * asked. A link that breaks is opened again and what had no answer is asked again, for a while: every
 * question may be asked twice, because a submission names its request.
 */
import {
  type ControlAnswer,
  type ControlFrame,
  type ControlWant,
  MeshError,
  type MeshId,
  openControlFrame,
  type PeerId,
  type Signer,
  sealControlFrame,
  type Verifier
} from '#contracts'
import type { Link, MeshNetwork } from '#mesh-node'
import type { SessionProgress } from '../session/progress.ts'
import { errorOf, progressOf } from './control-replies.ts'

export interface ControlQuestionsPorts {
  readonly network: MeshNetwork
  readonly mesh: MeshId
  readonly control: PeerId
  /** The client's own key, which the operator lets in. */
  readonly signer: Signer
  readonly verifier: Verifier
  /** A line for people, when the control node is away. */
  readonly say: (line: string) => void
}

export type ControlDone = Extract<ControlAnswer['end'], { t: 'done' }>
type OnProgress = (progress: SessionProgress) => void

interface Question {
  readonly answer: PromiseWithResolvers<ControlDone>
  readonly onProgress: OnProgress | undefined
}

interface Line {
  readonly link: Link
  readonly open: Map<number, Question>
}

/** How long a control node may be away: it starts again within seconds, a busy machine in half a minute. */
const AWAY_MS_MAX = 60_000
const AGAIN_MS = 500
/** What passes by itself. */
const PASSING: ReadonlySet<string> = new Set(['net.link_closed', 'net.unreachable', 'control.busy'])

export class ControlQuestions {
  readonly #ports: ControlQuestionsPorts
  #line: Line | null = null
  #nextId = 1
  #isClosed = false

  constructor(ports: ControlQuestionsPorts) {
    this.#ports = ports
  }

  /** Throws what the control node refuses with, and `net.*` where it stays away. */
  async ask(want: ControlWant, onProgress?: OnProgress): Promise<ControlDone> {
    let awaySinceMs: number | null = null
    for (;;) {
      const askedMs = Date.now()
      try {
        return await this.#askOnce(want, onProgress)
      } catch (error) {
        if (!(error instanceof MeshError) || !PASSING.has(error.code) || this.#isClosed) throw error
        // a link that held for a while was a new beginning
        if (awaySinceMs === null || Date.now() - askedMs > AWAY_MS_MAX) {
          awaySinceMs = Date.now()
          this.#ports.say(`the control node does not answer (${error.code}); asking again`)
        }
        if (Date.now() - awaySinceMs > AWAY_MS_MAX) throw error
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#line?.link.close()
  }

  async #askOnce(want: ControlWant, onProgress: OnProgress | undefined): Promise<ControlDone> {
    const { network, control, mesh, signer } = this.#ports
    const line = this.#lineOf(await network.openLink(control, 'control'))
    const id = this.#nextId++
    const question: Question = { answer: Promise.withResolvers(), onProgress }
    line.open.set(id, question)
    const body = { v: 1, id, control, via: network.peerId, want } as const
    line.link.send(sealControlFrame({ kind: 'ask', body }, { mesh, signer }))
    try {
      return await question.answer.promise
    } finally {
      line.open.delete(id)
    }
  }

  #lineOf(link: Link): Line {
    if (this.#line?.link === link) return this.#line
    const line: Line = { link, open: new Map() }
    this.#line = line
    link.onFrame((raw) => this.#receive(line, raw))
    link.onClose((fault) => this.#fail(line, fault))
    return line
  }

  #receive(line: Line, raw: Uint8Array): void {
    const { mesh, verifier, control } = this.#ports
    let frame: ControlFrame
    try {
      frame = openControlFrame(raw, { mesh, verifier, signedBy: control }).frame
      if (frame.kind === 'ask') throw new MeshError('wire.kind_unknown', { kind: frame.kind })
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      this.#fail(line, new MeshError('control.answer_malformed', { code: error.code }))
      void line.link.close()
      return
    }
    const question = line.open.get(frame.body.id)
    if (question === undefined) return
    if (frame.kind === 'progress') question.onProgress?.(progressOf(frame.body))
    else this.#settle(question, frame.body)
  }

  #settle({ answer }: Question, { end }: ControlAnswer): void {
    if (end.t === 'done') answer.resolve(end)
    else answer.reject(errorOf(end))
  }

  #fail(line: Line, fault: MeshError | null): void {
    if (this.#line === line) this.#line = null
    const error = fault ?? new MeshError('net.link_closed', { peer: line.link.peer })
    for (const { answer } of line.open.values()) answer.reject(error)
    line.open.clear()
  }
}
