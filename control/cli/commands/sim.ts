/** `kora sim`: the group. Each verb loads the simulator when it is asked for, so that others start fast. */
import type { Command } from 'commander'
import type { Exit } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { addCalibrateCommands } from '../sim-calibrate-commands.ts'
import { addRunCommands } from '../sim-run-commands.ts'
import { addSabotageCommands } from '../sim-sabotage-commands.ts'
import { addSearchCommands } from '../sim-search-commands.ts'

export function addSimCommands(
  kora: Command,
  context: CommandContext,
  settle: (outcome: Exit) => void
): void {
  const sim = kora.command('sim').description('whole meshes in one process, seed by seed')
  addRunCommands(sim, context, settle)
  addCalibrateCommands(sim, context, settle)
  addSabotageCommands(sim, context, settle)
  addSearchCommands(sim, context, settle)
}
