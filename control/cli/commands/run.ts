/**
 * `kora run`: a graph on the mesh. On the control node that runs in the folder, where one does and
 * no nodes are to be started; else in this process, which is the control node for as long as it takes.
 */
import { type Exit, MeshError, type SessionId } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { type ControlFile, findControl } from '../../drivers/control-file.ts'
import type { ControlService, SessionDocument } from '../../drivers/control-service.ts'
import { HttpControl } from '../../drivers/http-client.ts'
import type { SessionProgress } from '../../session/progress.ts'
import { LiveProgress } from '../live-progress.ts'
import type { InputFlags } from '../options.ts'
import { sessionLines } from '../render.ts'
import { type ControlFlags, controlSettings } from './control-options.ts'
import { copyOutputs } from './outputs.ts'
import { type ReadSubmission, readSubmission } from './submission.ts'

export interface RunFlags extends ControlFlags {
  readonly graph: string
  readonly input: InputFlags
  readonly cache: boolean
  readonly timeout?: number
  readonly out?: string
  readonly json: boolean
}

export async function run(flags: RunFlags, context: CommandContext): Promise<Exit> {
  const submission = readSubmission(flags.graph, flags.input)
  const settings = controlSettings(flags)
  const running = await findControl(settings.data)
  if (running !== null) {
    await checkRunning(running, settings.mesh)
    if (settings.localNodes > 0) {
      throw new MeshError('control.already_running', { folder: settings.data, pid: running.pid })
    }
    const control = new HttpControl(running)
    return follow(control, (session) => control.follow(session, context.signal), {
      submission,
      flags,
      context
    })
  }
  const { openControl } = await import('../../drivers/open-control.ts')
  const control = await openControl(settings, context.io.err)
  try {
    const ended = follow(control.node, (session) => control.node.feed.follow(session), {
      submission,
      flags,
      context
    })
    return await Promise.race([ended, control.failed])
  } finally {
    await control.close()
  }
}

/** A running control node of another mesh than the one named is not what was meant. */
async function checkRunning({ mesh }: ControlFile, named: string | null): Promise<void> {
  if (named === null) return
  const { meshNamed } = await import('../../drivers/mesh-folder.ts')
  const expected = meshNamed(named)
  if (expected !== mesh) throw new MeshError('genesis.other_mesh', { expected, found: mesh })
}

interface Task {
  readonly submission: ReadSubmission
  readonly flags: RunFlags
  readonly context: CommandContext
}

/** Submits, shows progress until the session ends, and prints what it gave. */
async function follow(
  control: ControlService,
  progressOf: (session: SessionId) => AsyncIterable<SessionProgress>,
  { submission, flags, context }: Task
): Promise<Exit> {
  const { io, signal } = context
  const session = await control.submit({
    graph: submission.graphBytes,
    inputs: submission.inputBytes,
    useCache: flags.cache
  })
  if (!flags.json) io.err(`session ${session}`)
  const live = new LiveProgress(io, Date.now)
  const cancelled = cancelOn(signal, flags.timeout, () => control.cancel(session))
  try {
    await watch(progressOf(session), live)
    const document = await control.result(session)
    live.end()
    if (flags.out !== undefined) copyOutputs(flags.out, document)
    print(document, flags, io)
    return document.status === 'completed' ? 'ok' : 'failed'
  } finally {
    live.end()
    await cancelled()
  }
}

/** A broken progress stream is no reason to give up the session: its result is asked for next. */
async function watch(progress: AsyncIterable<SessionProgress>, live: LiveProgress): Promise<void> {
  try {
    for await (const step of progress) live.update(step)
  } catch (error) {
    if (error instanceof MeshError) throw error
  }
}

/** Cancels the session on Ctrl-C or after the time limit; the function given back ends the watch. */
function cancelOn(
  signal: AbortSignal,
  timeoutS: number | undefined,
  cancel: () => Promise<void>
): () => Promise<void> {
  let done: Promise<void> = Promise.resolve()
  const stop = (): void => {
    // the session may have ended in the same moment
    done = cancel().catch((error: unknown) => {
      if (!(error instanceof MeshError)) throw error
    })
  }
  const timer = timeoutS === undefined ? undefined : setTimeout(stop, timeoutS * 1_000)
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  return () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    return done
  }
}

function print(document: SessionDocument, { json }: RunFlags, io: CommandContext['io']): void {
  if (json) io.out(JSON.stringify(document))
  else for (const line of sessionLines(document)) io.out(line)
}
