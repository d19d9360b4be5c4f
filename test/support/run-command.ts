/** Runs this project's own commands as a user does: a process of its own, output caught whole. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export interface CommandResult {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface CommandOptions {
  readonly cwd?: string
  /** Ends the test rather than the machine when a command hangs. */
  readonly limitMs?: number
}

/** `script` is a path from the project's root, for example `bin/kora.js`. */
export function runCommand(
  script: string,
  args: readonly string[],
  { cwd = ROOT, limitMs = 120_000 }: CommandOptions = {}
): Promise<CommandResult> {
  const child: ChildProcess = spawn(process.execPath, [`${ROOT}${script}`, ...args], { cwd })
  let out = ''
  let err = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const late = setTimeout(() => void child.kill('SIGKILL'), limitMs)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(late)
      resolve({ code, out, err })
    })
  })
}

/** Pids of `krako-node` processes whose data lies below this folder. */
export async function nodesBelow(folder: string): Promise<readonly string[]> {
  const { execFileSync } = await import('node:child_process')
  const all = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
  return all
    .split('\n')
    .filter((line) => line.includes('krako-node') && line.includes(folder))
    .map((line) => line.trim().split(' ', 1)[0] ?? '')
}
