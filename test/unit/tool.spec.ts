/** The runner of tools that are not installed: what it says where it cannot run one. */
import { equal, match } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SCRIPT = join(import.meta.dirname, '../../scripts/tool.ts')

function run(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [SCRIPT, ...words], {
    encoding: 'utf8',
    env: { ...process.env, ...env }
  })
}

describe('the runner of tools', () => {
  it('says which tool could not be fetched, and fails', () => {
    const cache = mkdtempSync(join(tmpdir(), 'tool-cache-'))
    try {
      const { status, stderr } = run(['knip'], {
        npm_config_cache: cache,
        npm_config_registry: 'http://127.0.0.1:9/',
        npm_config_fetch_retries: '0'
      })
      equal(status, 1)
      match(
        stderr,
        /knip did not run: knip@[\d.]+ is not on this machine, and npm could not fetch it/
      )
    } finally {
      rmSync(cache, { recursive: true, force: true })
    }
  })

  it('refuses a tool that it does not know, and names those it does', () => {
    const { status, stderr } = run(['eslint'])
    equal(status, 2)
    match(stderr, /no tool eslint; there are biome, c8, knip, oxlint/)
  })
})
