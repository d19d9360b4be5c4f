/** What README, ARCHITECTURE and the examples say is so: paths exist, and tables match the code. */
import { deepEqual, ok } from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { EXIT } from '#contracts'
import { defaults, envName, SETTING_KEYS, SETTINGS } from '../../mesh-node/cli/node-settings.ts'

const ROOT = new URL('../../', import.meta.url)
const EXAMPLES = readdirSync(new URL('examples/', ROOT)).map((name) => `examples/${name}/README.md`)
const PAGES = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...EXAMPLES]
const page = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8')
const TOP = readdirSync(ROOT).filter((name) => /^[a-z][a-z-]*$/.test(name) && name !== 'dist')
/** A path from the root: it begins with a top folder, and has no placeholder in it. */
const PATH = new RegExp(`(?<![\\w./@#-])(?:${TOP.join('|')})/[\\w./-]*[\\w]`, 'g')

function cells(text: string, heading: string): readonly (readonly string[])[] {
  const rows = text.slice(text.indexOf(heading)).split('\n').slice(2)
  const end = rows.findIndex((row) => !row.startsWith('|'))
  return rows.slice(0, end).map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '').replaceAll('\\', ''))
  )
}

describe('the documents', () => {
  for (const name of PAGES) {
    it(`name paths that exist: ${name}`, () => {
      const named = [...page(name).matchAll(PATH)].map(([path]) => path)
      const missing = named.filter(
        (path) => !path.startsWith('dist/') && !existsSync(new URL(path, ROOT))
      )
      deepEqual([...new Set(missing)], [])
    })
  }

  it('find a planted path that does not exist', () => {
    const [found] = [...'see `control/nowhere.ts`'.matchAll(PATH)].map(([path]) => path)
    ok(found === 'control/nowhere.ts' && !existsSync(new URL(found, ROOT)))
  })

  it('list every setting of a node with its flag, variable and key', () => {
    const rows = cells(page('README.md'), '| flag | variable |').map((row) => row.slice(0, 3))
    const wanted = SETTING_KEYS.map((key) => [SETTINGS[key].flag, envName(key), key])
    deepEqual(rows.toSorted(), wanted.toSorted())
  })

  it('state the defaults of settings that are the same on every machine', () => {
    const given: Readonly<Record<string, unknown>> = defaults()
    const stated = new Map(
      cells(page('README.md'), '| flag | variable |').map((row) => [row[2], row[3]])
    )
    for (const key of ['queue', 'model_cache_mb', 'provider', 'drain_grace_ms', 'log_level'])
      deepEqual(stated.get(key), String(given[key]))
  })

  it('list every exit code', () => {
    const codes = cells(page('README.md'), '| exit code |').map(([code]) => Number(code))
    deepEqual(codes, Object.values(EXIT))
  })
})
