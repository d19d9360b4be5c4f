/**
 * Reports of the simulator on disk: a page and its figures as JSON beside it, and `kora sim report`,
 * which makes the page again from figures that were kept.
 */
import { readFileSync } from 'node:fs'
import { parse, resolve } from 'node:path'
import { type Exit, MeshError } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { type Page, pageHtml, readRun, runPage, shippedGeography } from '#sim'
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

/** Throws `report.invalid` where the file is none. */
export function simReport(
  file: string,
  { out }: { readonly out?: string },
  { io }: CommandContext
): Exit {
  const { dir, name } = parse(resolve(file))
  const path = out ?? resolve(dir, `${name}.html`)
  writeWhole(resolve(path), pageHtml(runPage(readRun(bytesOf(file)), shippedGeography())))
  io.out(path)
  return 'ok'
}

/** Throws `input.unreadable`, which names the file as the user did. */
export function bytesOf(path: string | URL, name = String(path)): Uint8Array {
  try {
    return readFileSync(path)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MeshError('input.unreadable', { file: name, reason }, { cause })
  }
}
