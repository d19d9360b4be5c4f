/** Writes a session's outputs into a folder of the user's; files that are there already are not replaced. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MeshError } from '#contracts'
import type { SessionDocument } from '../../drivers/control-service.ts'
import type { OutputFile } from '../../session/output-view.ts'

export function writeOutputs(folder: string, files: readonly OutputFile[]): void {
  for (const { name, bytes } of files) writeNew(folder, name, bytes)
}

/** From where the control node keeps them, on this machine. */
export function copyOutputs(folder: string, { files }: Pick<SessionDocument, 'files'>): void {
  for (const [name, path] of Object.entries(files)) writeNew(folder, name, readFileSync(path))
}

function writeNew(folder: string, name: string, bytes: Uint8Array): void {
  const file = join(folder, name)
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(file, bytes, { flag: 'wx' })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MeshError('output.unwritable', { file, reason }, { cause })
  }
}
