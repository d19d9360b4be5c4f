/**
 * `kora run`: a graph on the mesh. On the control node that runs in the folder, where one does and
 * no nodes are to be started; on another operator's, where `--mesh` names a mesh that is not the
 * folder's; else in this process, which is the control node for as long as it takes.
 */
import { type Exit, MeshError } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import type { SessionDocument, SessionService } from '../../drivers/control-service.ts'
import type { SessionProgress } from '../../session/progress.ts'
import { LiveProgress } from '../live-progress.ts'
import type { InputFlags } from '../options.ts'
import { sessionLines } from '../render.ts'
import { type ControlFlags, type ControlSettings, controlSettings } from './control-options.ts'
import { copyOutputs } from './outputs.ts'
import { type Place, placeOf, withRunning } from './reading.ts'
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
  const place = await placeOf(settings.data, settings.mesh)
  const task = { submission, flags, context }
  if (place.kind === 'folder') return runHere(settings, task)
  if ((settings.localNodes ?? 0) > 0) refuseNodes(place, settings)
  return withRunning(flags, context, (control) => follow(control, task))
}

/** In this process, which is the control node for as long as it takes. */
async function runHere(settings: ControlSettings, task: Task): Promise<Exit> {
  const { openControl } = await import('../../drivers/open-control.ts')
  const { localNodes } = settings
  const options = { ...settings, localNodes: localNodes ?? 0 }
  const control = await openControl(options, task.context.io.err)
  try {
    return await Promise.race([follow(control.node, task), control.failed])
  } finally {
    await control.close()
  }
}

/** Nodes are started by a control node, for its own mesh. */
function refuseNodes(place: Place, { data, mesh }: ControlSettings): never {
  if (place.kind === 'running')
    throw new MeshError('control.already_running', { folder: data, pid: place.file.pid })
  throw new MeshError('genesis.other_mesh', {
    expected: mesh,
    folder: data,
    reason: '--local-nodes'
  })
}

interface Task {
  readonly submission: ReadSubmission
  readonly flags: RunFlags
  readonly context: CommandContext
}

/** Submits, shows progress until the session ends, and prints what it gave. */
async function follow(
  control: SessionService,
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
    await watch(control.follow(session), live)
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
