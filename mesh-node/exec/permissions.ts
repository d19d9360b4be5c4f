/**
 * The flags under which an executor child runs: it may load native add-ons and read its own code, its
 * dependencies, its model and the blob folders it is given, and nothing else on this machine's disks.
 */
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Read by the dynamic linker, by GPU drivers, and by the child's own text handling; no secrets. */
const ENVIRONMENT_KEPT =
  /^(PATH|LANG|LC_ALL|TZ|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|VK_|CUDA_|NVIDIA_)/

/** What a child inherits of the environment. */
export function childEnvironment(
  environment: Readonly<Record<string, string | undefined>>
): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && ENVIRONMENT_KEPT.test(name)) kept[name] = value
  }
  return kept
}

/** Module resolution looks for package.json and node_modules in each folder up to the root. */
function codePaths(): string[] {
  const here = dirname(fileURLToPath(import.meta.url))
  const top = dirname(dirname(here))
  const paths = [here, join(top, 'contracts')]
  for (let folder = here; ; folder = dirname(folder)) {
    paths.push(join(folder, 'package.json'))
    const modules = join(folder, 'node_modules')
    // A linked folder counts under its real name.
    if (existsSync(modules)) paths.push(modules, realpathSync(modules))
    if (dirname(folder) === folder) return paths
  }
}

/** Flags for `fork`; `paths` are the files and folders that this child may read beside its code. */
export function childFlags(paths: readonly string[]): string[] {
  const allowed = [...new Set([...codePaths(), ...paths])]
  return [
    '--permission',
    '--allow-addons',
    '--allow-worker',
    '--no-warnings',
    ...allowed.map((path) => `--allow-fs-read=${path}`)
  ]
}
