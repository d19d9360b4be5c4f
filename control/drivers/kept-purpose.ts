/**
 * What a mesh is for, in its operator's words, in a file of the control node's folder: said once, it
 * stands until it is said anew. Judges the form alone; donors judge the words.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isPurpose, MeshError } from '#contracts'

const fileIn = (folder: string): string => join(folder, 'purpose.txt')

/** Keeps the words where some are given, and gives what stands; empty words take back earlier ones. */
export function purposeOf(folder: string, given: string | null): string {
  const purpose = (given ?? readKept(folder)).trim()
  if (!isPurpose(purpose)) {
    throw new MeshError('notice.malformed', { purpose: purpose.slice(0, 80) })
  }
  if (given !== null) {
    const part = `${fileIn(folder)}.part`
    writeFileSync(part, `${purpose}\n`)
    renameSync(part, fileIn(folder))
  }
  return purpose
}

function readKept(folder: string): string {
  try {
    return readFileSync(fileIn(folder), 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return ''
    throw new MeshError('control.folder_unusable', { folder, reason: String(cause) }, { cause })
  }
}
