/** `kora status | watch | explain | cancel | result | replay`: what happened, and what still does. */
import { type Exit, MeshError, parseSessionId, type SessionId } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { LiveProgress, progressLine } from '../live-progress.ts'
import { explainLines, replayLines, sessionLines, statusLines } from '../render.ts'
import { copyOutputs } from './outputs.ts'
import { runningControl, withReader } from './reading.ts'

export interface AskFlags {
  readonly data: string
  readonly json: boolean
}
type OfSession = AskFlags & { readonly session: string }

export async function status({ data, json }: AskFlags, { io }: CommandContext): Promise<Exit> {
  const document = await withReader(data, (reader) => reader.status())
  if (json) io.out(JSON.stringify(document))
  else for (const line of statusLines(document)) io.out(line)
  return 'ok'
}

export async function watch(
  { data, json, session }: AskFlags & { readonly session?: string },
  { io, signal }: CommandContext
): Promise<Exit> {
  const control = await runningControl(data)
  const id = session === undefined ? await newest(control) : parseSessionId(session)
  const live = new LiveProgress(io, Date.now)
  try {
    for await (const progress of control.follow(id, signal)) {
      if (json) io.out(JSON.stringify(progress))
      else if (io.live) live.update(progress)
      else io.out(progressLine(progress))
    }
  } finally {
    live.end()
  }
  const document = await control.result(id)
  if (json) io.out(JSON.stringify(document))
  else for (const line of sessionLines(document)) io.out(line)
  return document.status === 'completed' ? 'ok' : 'failed'
}

async function newest(control: Awaited<ReturnType<typeof runningControl>>): Promise<SessionId> {
  const { sessions } = await control.status()
  const row = sessions.findLast(({ status }) => status === 'running') ?? sessions.at(-1)
  if (row === undefined) throw new MeshError('session.unknown', { session: 'none yet' })
  return parseSessionId(row.session)
}

export async function explain(
  { data, json, unit }: AskFlags & { readonly unit: string },
  { io }: CommandContext
): Promise<Exit> {
  const document = await withReader(data, (reader) => reader.explain(unit))
  if (json) io.out(JSON.stringify(document))
  else for (const line of explainLines(document)) io.out(line)
  return 'ok'
}

export async function cancel(
  { data, json, session }: OfSession,
  { io }: CommandContext
): Promise<Exit> {
  await (await runningControl(data)).cancel(parseSessionId(session))
  io.out(json ? JSON.stringify({ cancelled: session }) : `cancelled ${session}`)
  return 'ok'
}

export async function result(
  { data, json, session, out }: OfSession & { readonly out?: string },
  { io }: CommandContext
): Promise<Exit> {
  const id = parseSessionId(session)
  const document = await withReader(data, (reader) => reader.result(id))
  if (out !== undefined) copyOutputs(out, document)
  if (json) io.out(JSON.stringify(document))
  else for (const line of sessionLines(document)) io.out(line)
  return document.status === 'completed' ? 'ok' : 'failed'
}

export async function replay(
  { data, json, session }: OfSession,
  { io }: CommandContext
): Promise<Exit> {
  const id = parseSessionId(session)
  const document = await withReader(data, (reader) => reader.replay(id))
  if (json) io.out(JSON.stringify(document))
  else for (const line of replayLines(document)) io.out(line)
  return document.equal ? 'ok' : 'failed'
}
