/**
 * Finds the system's Chromium, and on Debian as root installs it when there is none.
 * It downloads no browser by itself: elsewhere it says in one line how to get one.
 */
import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const HOW =
  'The browser tests need Chromium on the PATH: install it (Debian: apt-get install chromium; macOS: brew install chromium) or name it in KORA_CHROMIUM.'

export function chromiumPath(): string {
  const found = findChromium()
  if (found !== undefined) return found
  installOnDebian()
  const installed = findChromium()
  if (installed === undefined) throw new Error(HOW)
  return installed
}

function findChromium(): string | undefined {
  const named = process.env['KORA_CHROMIUM']
  if (named !== undefined) return named
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function installOnDebian(): void {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) throw new Error(HOW)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  execFileSync('apt-get', ['update', '-qq'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], {
    env,
    stdio: ['ignore', 'ignore', 'inherit']
  })
}
