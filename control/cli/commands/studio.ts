/** `kora studio run`: a graph on this machine alone. Loads nothing of the mesh. */
import { join } from 'node:path'
import type { Exit } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { planGraph } from '../../plan/planner.ts'
import { outputFiles, outputsView } from '../../session/output-view.ts'
import type { SessionResult } from '../../session/session-result.ts'
import { Studio } from '../../studio/studio.ts'
import { LiveProgress } from '../live-progress.ts'
import type { InputFlags } from '../options.ts'
import { sessionLines } from '../render.ts'
import { writeOutputs } from './outputs.ts'
import { planLines } from './plan.ts'
import { inputsOf, readSubmission } from './submission.ts'

export interface StudioFlags {
  readonly graph: string
  readonly input: InputFlags
  readonly data: string
  readonly cache: boolean
  readonly out?: string
  readonly json: boolean
}

export async function studioRun(flags: StudioFlags, { io, signal }: CommandContext): Promise<Exit> {
  const submission = readSubmission(flags.graph, flags.input)
  const { graph } = submission
  const inputs = inputsOf(submission)
  const studio = await Studio.open({
    dataDir: join(flags.data, 'studio'),
    modelsDir: join(flags.data, 'models')
  })
  const live = new LiveProgress(io, Date.now)
  try {
    if (!flags.json) {
      const planned = planGraph(graph, {
        models: studio.registry,
        inputs,
        cache: flags.cache ? studio.cache : null
      })
      for (const line of planLines(planned)) io.err(line)
    }
    const result = await studio.run({
      graph,
      inputs,
      useCache: flags.cache,
      signal,
      onProgress: (progress) => live.update(progress)
    })
    live.end()
    if (flags.out !== undefined) writeOutputs(flags.out, outputFiles(result.outputs))
    show(result, flags, io)
    return result.stop_reason === 'success' ? 'ok' : 'failed'
  } finally {
    live.end()
    await studio.close()
  }
}

function show(result: SessionResult, { json }: StudioFlags, io: CommandContext['io']): void {
  const document = {
    ...result,
    outputs: outputsView(result.outputs),
    files: {},
    mesh: null,
    status: statusOf(result),
    receipts_checked: 0,
    bill: null
  }
  if (json) io.out(JSON.stringify(document))
  else for (const line of sessionLines(document)) io.out(line)
}

const statusOf = ({ stop_reason }: SessionResult): 'completed' | 'failed' | 'cancelled' =>
  stop_reason === 'success' ? 'completed' : stop_reason === 'cancelled' ? 'cancelled' : 'failed'
