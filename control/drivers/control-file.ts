/**
 * `control.json` in the data folder: how commands on this machine find the control node that runs
 * there. Readable by its owner alone, because the token in it is the right to spend. What a crash left
 * behind counts as nothing: the lock of the ledger, not this file, keeps a second node out.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { z } from 'zod'

const ControlFile = z.strictObject({
  pid: z.int().min(1),
  url: z.url(),
  token: z.string().min(32).max(128),
  mesh: z.string(),
  peer_id: z.string(),
  addresses: z.array(z.string())
})
export type ControlFile = z.infer<typeof ControlFile>

/** Loopback answers at once or never. */
const CONNECT_MS_MAX = 2_000

const pathIn = (dataFolder: string): string => join(dataFolder, 'control.json')

/** Whole or not at all: who reads it meanwhile sees the file before. */
export function writeControlFile(dataFolder: string, file: ControlFile): void {
  const part = `${pathIn(dataFolder)}.part`
  writeFileSync(part, `${JSON.stringify(file)}\n`, { mode: 0o600 })
  renameSync(part, pathIn(dataFolder))
}

export function removeControlFile(dataFolder: string): void {
  rmSync(pathIn(dataFolder), { force: true })
}

/** The running control node of this folder; null where none is, also after a crash. */
export async function findControl(dataFolder: string): Promise<ControlFile | null> {
  const file = readControlFile(dataFolder)
  // a process number is given again in time, so somebody must also answer where the file says
  return file !== null && isAlive(file.pid) && (await answers(new URL(file.url))) ? file : null
}

function readControlFile(dataFolder: string): ControlFile | null {
  try {
    const read = ControlFile.safeParse(JSON.parse(readFileSync(pathIn(dataFolder), 'utf8')))
    return read.success ? read.data : null
  } catch {
    return null
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // somebody else's process is alive too
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function answers({ hostname, port }: URL): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: CONNECT_MS_MAX })
    const end = (is: boolean) => () => {
      socket.destroy()
      settle(is)
    }
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false))
  })
}
