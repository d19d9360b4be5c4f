/**
 * What a mesh is for, in its operator's words, in a file of the control node's folder: said once, it
 * stands until it is said anew. Judges the form alone; donors judge the words.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isPurpose, MeshError } from '#contracts'
import { writeWhole } from './whole-file.ts'

const fileIn = (folder: string): string => join(folder, 'purpose.txt')

/** The words that are given, or else those that stand. Writes nothing. */
export function purposeOf(folder: string, given: string | null): string {
  const purpose = (given ?? readKept(folder)).trim()
  if (!isPurpose(purpose)) {
    throw new MeshError('notice.malformed', { purpose: purpose.slice(0, 80) })
  }
  return purpose
}

/** Lets the words stand from now on; empty ones take back those of before. */
export const keepPurpose = (folder: string, purpose: string): void =>
  writeWhole(fileIn(folder), `${purpose}\n`)

function readKept(folder: string): string {
  try {
    return readFileSync(fileIn(folder), 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return ''
    throw new MeshError('control.folder_unusable', { folder, reason: String(cause) }, { cause })
  }
}
