/**
 * Fetches packages of a rival into a folder of their own, for the one benchmark that measures it.
 *
 * They are no part of the house: who does not run that benchmark need not have them. Says why where npm
 * cannot fetch them.
 */
import { spawnSync } from 'node:child_process'

const INSTALL_MS_MAX = 120_000

/** Installs into the folder; gives the reason where that failed. */
export function installRival(prefix: string, packages: readonly string[]): string | null {
  const quiet = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
  const words = ['install', '--prefix', prefix, ...quiet, ...packages]
  const { status, error, stderr } = spawnSync('npm', words, {
    cwd: prefix,
    encoding: 'utf8',
    timeout: INSTALL_MS_MAX
  })
  if (status === 0) return null
  const said = error?.message ?? stderr.split('\n').find((line) => line.startsWith('npm error'))
  return `npm could not fetch ${packages.join(' and ')}: ${said ?? `status ${status}`}`
}
