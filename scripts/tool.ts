/**
 * Runs a tool that only reads the sources, and fetches it by npm when it is first asked for.
 *
 * Such tools are half as large as all else that a checkout needs, and who only runs KORA or its tests
 * needs none. npm keeps them in its own cache; each is pinned here and nowhere else. It passes on
 * arguments, streams and exit status, and says so plainly when a tool cannot be had.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What provides each command, pinned exactly; DECISIONS.md has a line for every package. */
export const TOOLS: Readonly<Record<string, readonly string[]>> = {
  biome: ['@biomejs/biome@2.6.8'],
  c8: ['c8@12.0.0'],
  knip: ['knip@6.44.2'],
  oxlint: ['oxlint@1.94.0', 'oxlint-tsgolint@7.0.2007']
}

const ROOT = fileURLToPath(new URL('../', import.meta.url))

function npmExec(packages: readonly string[], words: readonly string[], quiet: boolean): number {
  const named = packages.map((name) => `--package=${name}`)
  const settings = ['--yes', '--loglevel=error', ...(quiet ? ['--offline'] : [])]
  // npm says where it is to what it runs; started by hand, it is looked for on the path
  const npm = process.env['npm_execpath']
  const start = npm?.endsWith('.js') === true ? [process.execPath, npm] : ['npm']
  const [program = 'npm', ...first] = start
  const { status, error } = spawnSync(
    program,
    [...first, 'exec', ...settings, ...named, '--', ...words],
    { cwd: ROOT, stdio: quiet ? 'ignore' : 'inherit' }
  )
  if (error !== undefined) throw new Error(`npm did not start: ${error.message}`)
  return status ?? 1
}

/** Runs the tool and gives its exit status. */
export function runTool(tool: string, words: readonly string[]): number {
  const packages = TOOLS[tool]
  if (packages === undefined) {
    console.error(`there is no tool ${tool}; there are ${Object.keys(TOOLS).join(', ')}`)
    return 2
  }
  const status = npmExec(packages, [tool, ...words], false)
  if (status === 0) return 0
  if (npmExec(packages, [tool, '--version'], true) !== 0) {
    console.error(
      `${tool} did not run: ${packages.join(' and ')} is not on this machine, and npm could not fetch it. ` +
        'Reach the registry once (npm config get registry says which); npm keeps what it fetched.'
    )
  }
  return status
}

if (import.meta.main) {
  const [tool = '', ...words] = process.argv.slice(2)
  process.exitCode = runTool(tool, words)
}
