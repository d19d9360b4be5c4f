/**
 * A control node that runs in another process, through the file it left in its data folder. Answers
 * are read by shape where they are used; a refusal comes back as the error it was there.
 */
import { z } from 'zod'
import {
  ERROR_CODES,
  type ErrorCode,
  MeshError,
  parseSessionId,
  readShape,
  type SessionId
} from '#contracts'
import type { SessionProgress } from '../session/progress.ts'
import type { ControlFile } from './control-file.ts'
import type {
  BalancesDocument,
  BillDocument,
  ControlService,
  ExplainDocument,
  LedgerReportDocument,
  ReplayDocument,
  SessionDocument,
  StatusDocument,
  Submission
} from './control-service.ts'

const Refusal = z.object({
  error: z.object({
    code: z.string(),
    facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
    issues: z.array(z.object({ path: z.string(), rule: z.string(), message: z.string() }))
  })
})

export class HttpControl implements ControlService {
  readonly #file: ControlFile

  constructor(file: ControlFile) {
    this.#file = file
  }

  async submit({ graph, inputs, useCache, requestId }: Submission): Promise<SessionId> {
    const body = {
      graph: toBase64(graph),
      inputs: Object.fromEntries(
        Object.entries(inputs).map(([name, bytes]) => [name, toBase64(bytes)])
      ),
      use_cache: useCache,
      ...(requestId === undefined ? {} : { request_id: requestId })
    }
    const answer = await this.#ask('POST', '/v1/sessions', JSON.stringify(body))
    const { session } = readShape(
      z.object({ session: z.string() }),
      answer,
      'control.request_malformed'
    )
    return parseSessionId(session)
  }

  async result(session: SessionId): Promise<SessionDocument> {
    return (await this.#ask('GET', `/v1/sessions/${session}`)) as SessionDocument
  }

  async cancel(session: SessionId): Promise<void> {
    await this.#ask('DELETE', `/v1/sessions/${session}`)
  }

  async status(): Promise<StatusDocument> {
    return (await this.#ask('GET', '/v1/status')) as StatusDocument
  }

  async explain(unit: string): Promise<ExplainDocument> {
    return (await this.#ask('GET', `/v1/units/${encodeURIComponent(unit)}`)) as ExplainDocument
  }

  async replay(session: SessionId): Promise<ReplayDocument> {
    return (await this.#ask('POST', `/v1/sessions/${session}/replay`)) as ReplayDocument
  }

  async verifyLedger(): Promise<LedgerReportDocument> {
    return (await this.#ask('GET', '/v1/ledger/verify')) as LedgerReportDocument
  }

  async balances(): Promise<BalancesDocument> {
    return (await this.#ask('GET', '/v1/ledger/balances')) as BillDocument
  }

  async bill(session: SessionId | null): Promise<BillDocument> {
    const query = session === null ? '' : `?session=${session}`
    return (await this.#ask('GET', `/v1/ledger/bill${query}`)) as BillDocument
  }

  async *exportLedger(): AsyncGenerator<string> {
    const response = await this.#fetch('GET', '/v1/ledger/export')
    if (!response.ok) throw refusalOf(await response.text(), response.status)
    yield* pieces(response, '\n')
  }

  /** Progress until the session ends or `signal` is aborted. */
  async *follow(session: SessionId, signal?: AbortSignal): AsyncGenerator<SessionProgress> {
    const response = await this.#fetch('GET', `/v1/sessions/${session}/events`, undefined, signal)
    if (!response.ok) throw refusalOf(await response.text(), response.status)
    for await (const message of pieces(response, '\n\n')) {
      const data = /^data: (.*)$/m.exec(message)?.[1]
      if (message.includes('event: progress') && data !== undefined) yield JSON.parse(data)
    }
  }

  async #ask(method: string, path: string, body?: string): Promise<unknown> {
    const response = await this.#fetch(method, path, body)
    const text = await response.text()
    if (!response.ok) throw refusalOf(text, response.status)
    return JSON.parse(text)
  }

  async #fetch(
    method: string,
    path: string,
    body?: string,
    signal?: AbortSignal
  ): Promise<Response> {
    const headers = {
      authorization: `Bearer ${this.#file.token}`,
      'content-type': 'application/json'
    }
    try {
      return await fetch(`${this.#file.url}${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal })
      })
    } catch (cause) {
      if (signal?.aborted === true) throw signal.reason
      throw new MeshError('control.not_running', { url: this.#file.url }, { cause })
    }
  }
}

/** The text of a stream, cut at `end`; what comes after the last one is given too. */
async function* pieces(response: Response, end: string): AsyncGenerator<string> {
  let pending = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    pending += decoder.decode(chunk, { stream: true })
    const whole = pending.split(end)
    pending = whole.pop() ?? ''
    yield* whole
  }
  if (pending !== '') yield pending
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERROR_CODES, code)

function refusalOf(text: string, status: number): MeshError {
  const read = Refusal.safeParse(jsonOr(text))
  if (!read.success || !isErrorCode(read.data.error.code)) {
    return new MeshError('control.not_running', { status, said: text.slice(0, 200) })
  }
  const { code, facts, issues } = read.data.error
  return new MeshError(code, facts, { issues })
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
