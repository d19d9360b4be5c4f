/**
 * Refuses circular imports, between files and between folders, type imports included.
 *
 * dependency-cruiser reports success when it understood no module at all, so this first plants a
 * cycle that must be found, and then wants every source on the disk to be among the modules seen.
 * It draws no picture and checks no import table: that is test/architecture.spec.ts.
 */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cruise, type ICruiseOptions } from 'dependency-cruiser'
import { z } from 'zod'

const FOLDERS = ['contracts', 'control', 'mesh-node', 'browser-node', 'ledger', 'sim'].filter(
  (folder) => existsSync(folder)
)

/** What is read of dependency-cruiser's report. */
const REPORT = z.object({
  modules: z.array(z.object({ source: z.string() })),
  summary: z.object({
    violations: z.array(
      z.object({
        from: z.string(),
        rule: z.object({ name: z.string() }),
        to: z.string(),
        cycle: z.array(z.object({ name: z.string() })).optional()
      })
    )
  })
})

const settings: { forbidden: []; options: ICruiseOptions } = JSON.parse(
  readFileSync(new URL('../.dependency-cruiser.json', import.meta.url), 'utf8')
)

async function look(paths: readonly string[], baseDir: string): Promise<z.infer<typeof REPORT>> {
  const { options, forbidden } = settings
  const { output } = await cruise([...paths], {
    ...options,
    baseDir,
    validate: true,
    ruleSet: { forbidden }
  })
  return REPORT.parse(output)
}

async function findsPlantedCycle(): Promise<boolean> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'kora-cycle-')))
  try {
    writeFileSync(
      join(folder, 'a.ts'),
      "import { b } from './b.ts'\nexport const a = (): 1 => b()\n"
    )
    writeFileSync(
      join(folder, 'b.ts'),
      "import { a } from './a.ts'\nexport const b = (): 1 => a()\n"
    )
    const { summary } = await look(['.'], folder)
    return summary.violations.some(({ rule }) => rule.name === 'no-cycles')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function sourcesBelow(folder: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`)
}

async function main(): Promise<readonly string[]> {
  if (!(await findsPlantedCycle())) return ['a planted cycle was not found: the check is blind']
  const { modules, summary } = await look(FOLDERS, process.cwd())
  const seen = new Set(modules.map(({ source }) => source))
  const unseen = FOLDERS.flatMap(sourcesBelow).filter((path) => !seen.has(path))
  const faults = summary.violations.map(({ rule, from, to, cycle = [] }) => {
    const chain = cycle.length === 0 ? to : cycle.map(({ name }) => name).join(' -> ')
    return `${rule.name}: ${from} -> ${chain}`
  })
  console.log(`${modules.length} modules, ${faults.length} faults; the planted cycle was found`)
  return [...faults, ...unseen.map((path) => `not seen: ${path}`)]
}

const faults = await main()
for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1
