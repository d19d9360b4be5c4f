/** A report of the simulator on disk: the page that was asked for, and its figures as JSON beside it. */
import { parse, resolve } from 'node:path'
import type { CommandContext } from '#mesh-node/cli'
import { type Page, pageHtml } from '#sim'
import { writeWhole } from '../../drivers/whole-file.ts'

/** Replaces what stands at the path; throws `store.*` where it cannot be written. */
export function writeReport(
  path: string,
  { page, figures }: { readonly page: Page; readonly figures: unknown },
  io: CommandContext['io']
): void {
  const { dir, name } = parse(resolve(path))
  writeWhole(resolve(path), pageHtml(page))
  writeWhole(resolve(dir, `${name}.json`), `${JSON.stringify(figures, null, 1)}\n`)
  io.err(`report: ${path}`)
}
