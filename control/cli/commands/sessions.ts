/** `kora status | watch | explain | cancel | result | replay`: what happened, and what still does. */
import { type Exit, MeshError, parseSessionId, type SessionId } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import type { SessionService } from '../../drivers/control-service.ts'
import { LiveProgress, progressLine } from '../live-progress.ts'
import { explainLines, replayLines, sessionLines, statusLines } from '../render.ts'
import { copyOutputs } from './outputs.ts'
import { type MeshFlags, withRunning, withSessions } from './reading.ts'

export interface AskFlags extends MeshFlags {
  readonly json: boolean
}
type OfSession = AskFlags & { readonly session: string }

export async function status(flags: AskFlags, context: CommandContext): Promise<Exit> {
  const { json } = flags
  const { io } = context
  const document = await withSessions(flags, context, (reader) => reader.status())
  if (json) io.out(JSON.stringify(document))
  else for (const line of statusLines(document)) io.out(line)
  return 'ok'
}

export function watch(
  flags: AskFlags & { readonly session?: string },
  context: CommandContext
): Promise<Exit> {
  return withRunning(flags, context, (control) => watchOn(control, flags, context))
}

async function watchOn(
  control: SessionService,
  { json, session }: { readonly json: boolean; readonly session?: string },
  { io, signal }: CommandContext
): Promise<Exit> {
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
  signal.throwIfAborted()
  const document = await control.result(id)
  if (json) io.out(JSON.stringify(document))
  else for (const line of sessionLines(document)) io.out(line)
  return document.status === 'completed' ? 'ok' : 'failed'
}

async function newest(control: SessionService): Promise<SessionId> {
  const { sessions } = await control.status()
  const row = sessions.findLast(({ status }) => status === 'running') ?? sessions.at(-1)
  if (row === undefined) throw new MeshError('session.unknown', { session: 'none yet' })
  return parseSessionId(row.session)
}

export async function explain(
  flags: AskFlags & { readonly unit: string },
  context: CommandContext
): Promise<Exit> {
  const { json, unit } = flags
  const { io } = context
  const document = await withSessions(flags, context, (reader) => reader.explain(unit))
  if (json) io.out(JSON.stringify(document))
  else for (const line of explainLines(document)) io.out(line)
  return 'ok'
}

export async function cancel(flags: OfSession, context: CommandContext): Promise<Exit> {
  const { json, session } = flags
  const { io } = context
  const id = parseSessionId(session)
  await withRunning(flags, context, (control) => control.cancel(id))
  io.out(json ? JSON.stringify({ cancelled: session }) : `cancelled ${session}`)
  return 'ok'
}

export async function result(
  flags: OfSession & { readonly out?: string },
  context: CommandContext
): Promise<Exit> {
  const { json, session, out } = flags
  const { io } = context
  const id = parseSessionId(session)
  const document = await withSessions(flags, context, (reader) => reader.result(id))
  if (out !== undefined) copyOutputs(out, document)
  if (json) io.out(JSON.stringify(document))
  else for (const line of sessionLines(document)) io.out(line)
  return document.status === 'completed' ? 'ok' : 'failed'
}

export async function replay(flags: OfSession, context: CommandContext): Promise<Exit> {
  const { json, session } = flags
  const { io } = context
  const id = parseSessionId(session)
  const document = await withSessions(flags, context, (reader) => reader.replay(id))
  if (json) io.out(JSON.stringify(document))
  else for (const line of replayLines(document)) io.out(line)
  return document.equal ? 'ok' : 'failed'
}
