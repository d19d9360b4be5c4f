/** `kora plan`: what a graph would do and cost. Runs nothing. */
import { join } from 'node:path'
import type { Exit } from '#contracts'
import { type CommandContext, table } from '#mesh-node/cli'
import { DiskResultCache } from '../../cache/result-cache.ts'
import { checkBudget, type Plan, planGraph } from '../../plan/planner.ts'
import { ModelRegistry } from '../../registry/model-registry.ts'
import type { InputFlags } from '../options.ts'
import { inputsOf, readSubmission } from './submission.ts'

export interface PlanFlags {
  readonly graph: string
  readonly input: InputFlags
  readonly data: string
  readonly json: boolean
}

export async function plan(flags: PlanFlags, { io }: CommandContext): Promise<Exit> {
  const submission = readSubmission(flags.graph, flags.input)
  const planned = planGraph(submission.graph, {
    models: await ModelRegistry.open(join(flags.data, 'models')),
    cache: await DiskResultCache.open(join(flags.data, 'cache')),
    inputs: inputsOf(submission)
  })
  if (flags.json) io.out(JSON.stringify(planned))
  else for (const line of planLines(planned)) io.out(line)
  checkBudget(planned)
  return 'ok'
}

export function planLines(planned: Plan): string[] {
  return [
    `plan of ${planned.graph_id}: ${planned.tasks.length} tasks, ${planned.without_model} need no model`,
    '',
    ...table(
      ['task', 'units', 'cached', 'verification', 'worst micro', 'why'],
      planned.tasks.map((task) => [
        task.id,
        typeof task.units === 'number'
          ? String(task.units)
          : `${task.units}, at most ${task.units_max}`,
        task.cached_units,
        task.verification,
        task.worst_case_cost_micro,
        task.why
      ])
    ),
    '',
    ...table(
      ['budget', 'worst case', 'allowed', 'fits'],
      planned.budgets.map((line) => [
        line.name,
        line.worst_case,
        line.budget,
        line.fits ? 'yes' : 'NO'
      ])
    )
  ]
}
