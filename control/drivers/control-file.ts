/**
 * `control.json` in the data folder: how commands on this machine find the control node that runs
 * there. Readable by its owner alone, because the token in it is the right to spend.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { MeshError, readShape } from '#contracts'

const ControlFile = z.strictObject({
  pid: z.int().min(1),
  url: z.url(),
  token: z.string().min(32).max(128),
  mesh: z.string(),
  peer_id: z.string(),
  addresses: z.array(z.string())
})
export type ControlFile = z.infer<typeof ControlFile>

const pathIn = (dataFolder: string): string => join(dataFolder, 'control.json')

export function writeControlFile(dataFolder: string, file: ControlFile): void {
  writeFileSync(pathIn(dataFolder), `${JSON.stringify(file)}\n`, { mode: 0o600 })
}

export function removeControlFile(dataFolder: string): void {
  rmSync(pathIn(dataFolder), { force: true })
}

/** The running control node of this folder; null where none is, also after a crash. */
export function readControlFile(dataFolder: string): ControlFile | null {
  let text: string
  try {
    text = readFileSync(pathIn(dataFolder), 'utf8')
  } catch {
    return null
  }
  const file = readShape(ControlFile, parsed(text), 'control.not_running')
  return alive(file.pid) ? file : null
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MeshError('control.not_running', { reason: 'control.json is not JSON' }, { cause })
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
