/**
 * The house keeps its own rules: who imports whom, who touches the world, how long a file grows.
 *
 * Every rule is shown to bite by a leak planted in a made-up source, and the walk over the real
 * sources has a floor, for a guard that sees no modules is green for ever.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import {
  cycleFaults,
  type Doors,
  faultsOf,
  nodeGlobalFaults,
  reachFaults
} from './support/architecture-rules.ts'
import { IN_A_TAB, REACHES } from './support/import-table.ts'
import type { SourceFile } from './support/source-model.ts'

const ROOT = new URL('../', import.meta.url)
const FOLDERS = ['contracts', 'control', 'mesh-node', 'browser-node', 'ledger', 'sim', 'bin']
/** Raise it when the house grows; a walk that sees fewer looks in the wrong place. */
const MODULES_MIN = 500

const files = FOLDERS.flatMap(sourcesBelow)
const doors: Doors = z
  .object({
    imports: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())]))
  })
  .parse(JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'))).imports

function sourcesBelow(folder: string): readonly SourceFile[] {
  const url = new URL(`${folder}/`, ROOT)
  if (!existsSync(url)) return []
  const names = readdirSync(url, { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => /\.tsx?$/.test(name) || (folder === 'bin' && name.endsWith('.js')))
    .sort()
    .map((name) => ({ path: `${folder}/${name}`, text: readFileSync(new URL(name, url), 'utf8') }))
}

function print(faults: ReturnType<typeof faultsOf>): readonly string[] {
  return faults.map(({ path, line, rule, what }) => `${path}:${line} ${rule}: ${what}`)
}

describe('the architecture', () => {
  it('sees the modules of the house', () => {
    ok(files.length >= MODULES_MIN, `saw ${files.length} modules of at least ${MODULES_MIN}`)
  })

  it('imports in no circle, neither between files nor between folders', () => {
    deepEqual(print(cycleFaults(files, doors)), [])
  })

  it('holds in every module', () => {
    deepEqual(print(faultsOf(files)), [])
  })

  it('keeps Node, the network and the ledger out of what must run without them', () => {
    deepEqual(print(reachFaults(files, doors, REACHES)), [])
  })

  it('reads no global of Node in what a tab loads', () => {
    deepEqual(print(nodeGlobalFaults(files, doors, IN_A_TAB)), [])
  })
})

interface Leak {
  readonly path: string
  readonly code: string
  readonly rule: string
  readonly line?: number
}

const OPENING = '/** A made-up module. */\n'
const long = (lines: number) => 'work()\n'.repeat(lines)

/** Each leak stands on line 2 unless it says otherwise, and is the only fault of its file. */
const LEAKS: Readonly<Record<string, Leak>> = {
  'a value import against the table': {
    path: 'mesh-node/net/x.ts',
    code: "import { plan } from '#control'",
    rule: 'import-table'
  },
  'a type import against the table': {
    path: 'contracts/x.ts',
    code: "import type { Log } from '#ledger'",
    rule: 'import-table'
  },
  'a type imported inline': {
    path: 'ledger/x.ts',
    code: "export type Plan = import('#control').Plan",
    rule: 'import-table'
  },
  'a dynamic import': {
    path: 'mesh-node/x.ts',
    code: "export const late = () => import('#control')",
    rule: 'import-table'
  },
  'an import nobody can read': {
    path: 'control/x.ts',
    code: 'export const late = (name: string) => import(name)',
    rule: 'import-table'
  },
  'an export passed on': {
    path: 'contracts/x.ts',
    code: "export * from '#mesh-node'",
    rule: 'import-table'
  },
  'a path past a door': {
    path: 'control/x.ts',
    code: "import { head } from '../ledger/head.ts'",
    rule: 'import-table'
  },
  'a module address past a door': {
    path: 'control/cli/x.ts',
    code: "export const entry = new URL('../../mesh-node/exec/child.ts', import.meta.url)",
    rule: 'import-table'
  },
  'a machine that imports a driver beside it': {
    path: 'mesh-node/core/x.ts',
    code: "import { dial } from '../net/dial.ts'",
    rule: 'import-table'
  },
  'Node in a machine': {
    path: 'mesh-node/core/x.ts',
    code: "import type { Socket } from 'node:net'",
    rule: 'import-table'
  },
  'Node in the contracts': {
    path: 'contracts/x.ts',
    code: "import { join } from 'node:path'",
    rule: 'import-table'
  },
  'Node without its prefix': {
    path: 'ledger/x.ts',
    code: "import { join } from 'path'",
    rule: 'import-table'
  },
  'libp2p in a machine': {
    path: 'mesh-node/core/x.ts',
    code: "import type { PeerId } from '@libp2p/interface'",
    rule: 'import-table'
  },
  'libp2p in the executor': {
    path: 'mesh-node/exec/x.ts',
    code: "import { createLibp2p } from 'libp2p'",
    rule: 'import-table'
  },
  'the ledger in the executor': {
    path: 'mesh-node/exec/x.ts',
    code: "import type { Log } from '#ledger'",
    rule: 'import-table'
  },
  'a folder without a row': { path: 'extra/x.ts', code: '', rule: 'import-table', line: 1 },
  'a clock': { path: 'control/x.ts', code: 'export const a = Date.now()', rule: 'forbidden-calls' },
  'a clock without a name': {
    path: 'control/x.ts',
    code: 'export const a = new Date()',
    rule: 'forbidden-calls'
  },
  'a fine clock': {
    path: 'ledger/x.ts',
    code: 'export const a = globalThis.performance.now()',
    rule: 'forbidden-calls'
  },
  chance: { path: 'sim/x.ts', code: 'export const a = Math.random()', rule: 'forbidden-calls' },
  'chance between brackets': {
    path: 'sim/x.ts',
    code: "export const a = Math['random']()",
    rule: 'forbidden-calls'
  },
  'a timer': {
    path: 'mesh-node/core/x.ts',
    code: 'setTimeout(work, 5)',
    rule: 'forbidden-calls'
  },
  'a timer handed on': {
    path: 'control/x.ts',
    code: 'export const ports = { setInterval }',
    rule: 'forbidden-calls'
  },
  'a timer by its module': {
    path: 'control/x.ts',
    code: "import { setTimeout as wait } from 'node:timers/promises'",
    rule: 'forbidden-calls'
  },
  'a global key store': {
    path: 'contracts/x.ts',
    code: 'export const a = crypto.randomUUID()',
    rule: 'forbidden-calls'
  },
  'a fetch': { path: 'control/x.ts', code: "fetch('https://x')", rule: 'forbidden-calls' },
  'a global of one platform': {
    path: 'contracts/x.ts',
    code: 'export const a = process.argv',
    rule: 'platform-globals'
  },
  'a machine that waits': {
    path: 'mesh-node/core/x.ts',
    code: 'export async function a() {}',
    rule: 'waiting-machine'
  },
  'a machine that promises': {
    path: 'mesh-node/core/x.ts',
    code: 'export const a = () => Promise.resolve(1)',
    rule: 'waiting-machine'
  },
  'a long function': {
    path: 'control/x.ts',
    code: `export function a() {\n${long(69)}}`,
    rule: 'ratchet'
  },
  'a long file': { path: 'control/x.ts', code: long(400), rule: 'ratchet', line: 400 },
  'a long table that decides': {
    path: 'contracts/x.data.ts',
    code: `export const a = () => 1\n${long(400)}`,
    rule: 'ratchet',
    line: 400
  },
  'half a typ': {
    path: 'contracts/x.ts',
    code: 'export const a = (name: string) => `application/vnd.kora.${' + 'name}.v1+cbor`',
    rule: 'unique-typ'
  },
  'an unfinished part': {
    path: 'control/x.ts',
    code: '// TODO the other half',
    rule: 'unfinished'
  },
  'a silenced compiler': { path: 'control/x.ts', code: '// @ts-ignore', rule: 'unfinished' },
  'a cast to any': {
    path: 'control/x.ts',
    code: 'export const a = JSON.parse(text) as any',
    rule: 'type-escape'
  },
  'a denial of null': {
    path: 'control/x.ts',
    code: 'export const a = list.at(0)!',
    rule: 'type-escape'
  }
}

describe('a planted leak', () => {
  for (const [name, { path, code, rule, line = 2 }] of Object.entries(LEAKS)) {
    it(`is caught: ${name}`, () => {
      const faults = faultsOf([{ path, text: `${OPENING}${code}\n` }])
      deepEqual(
        faults.map((fault) => ({ rule: fault.rule, line: fault.line })),
        [{ rule, line }]
      )
    })
  }

  it('is caught: a module that does not say what it is for', () => {
    const [fault] = faultsOf([{ path: 'control/x.ts', text: 'export const a = 1\n' }])
    equal(fault?.rule, 'opening')
  })

  it('is caught: one typ for two messages', () => {
    const code = "export const a = 'application/vnd.kora.lease.v1+cbor'"
    const both = ['contracts/x.ts', 'ledger/x.ts'].map((path) => ({ path, text: OPENING + code }))
    deepEqual(
      faultsOf(both).map(({ rule, path }) => ({ rule, path })),
      [{ rule: 'unique-typ', path: 'ledger/x.ts' }]
    )
  })

  it('is caught: Node behind two doors', () => {
    const made = [
      { path: 'mesh-node/core/index.ts', text: "export { a } from './a.ts'" },
      { path: 'mesh-node/core/a.ts', text: "import { b } from '#ledger'\nexport const a = b" },
      { path: 'ledger/index.ts', text: "export { b } from './store/b.ts'" },
      { path: 'ledger/store/b.ts', text: "import 'node:fs'\nexport const b = 1" }
    ]
    const [fault] = reachFaults(made, doors, REACHES)
    equal(fault?.rule, 'reach')
    ok(fault.what.startsWith('mesh-node/core/index.ts -> mesh-node/core/a.ts -> ledger/index.ts'))
  })
})

describe('Node loaded by a tab', () => {
  for (const loads of ["import 'node:fs'", "import '@libp2p/tcp'", "import '#mesh-node/store'"]) {
    it(`is caught: ${loads}`, () => {
      const made = [
        { path: 'mesh-node/portable.ts', text: "export { a } from './agent/a.ts'" },
        { path: 'mesh-node/agent/a.ts', text: `${loads}\nexport const a = 1` },
        { path: 'mesh-node/store/index.ts', text: "import 'node:fs/promises'" }
      ]
      const [fault] = reachFaults(made, doors, REACHES)
      deepEqual(
        { rule: fault?.rule, path: fault?.path },
        { rule: 'reach', path: 'mesh-node/portable.ts' }
      )
    })
  }

  it('is caught: a global of Node in a driver that a tab runs too', () => {
    const made = [
      { path: 'mesh-node/portable.ts', text: "export { a } from './net/a.ts'" },
      { path: 'mesh-node/net/a.ts', text: 'export const a = Buffer.alloc(1)' }
    ]
    const faults = nodeGlobalFaults(made, doors, IN_A_TAB)
    deepEqual(
      faults.map(({ rule, path }) => ({ rule, path })),
      [{ rule: 'node-globals', path: 'mesh-node/net/a.ts' }]
    )
  })
})

/** Sources that import in a circle, and the road that must be printed. */
const CIRCLES: Readonly<Record<string, readonly [Readonly<Record<string, string>>, string]>> = {
  'a module that imports itself': [
    { 'ledger/a.ts': "import './a.ts'" },
    'ledger/a.ts -> ledger/a.ts'
  ],
  'two modules': [
    { 'ledger/a.ts': "import './b.ts'", 'ledger/b.ts': "export * from './a.ts'" },
    'ledger/a.ts -> ledger/b.ts -> ledger/a.ts'
  ],
  'three modules, one of them late, with a fourth beside them': [
    {
      'control/a.ts': "import './b.ts'\nimport './d.ts'",
      'control/b.ts': "export const late = () => import('./c.ts')",
      'control/c.ts': "import { a } from './a.ts'",
      'control/d.ts': "import './b.ts'"
    },
    'control/a.ts -> control/b.ts -> control/c.ts -> control/a.ts'
  ],
  'types alone': [
    {
      'contracts/a.ts': "import type { B } from './b.ts'",
      'contracts/b.ts': "export type A = import('./a.ts').A"
    },
    'contracts/a.ts -> contracts/b.ts -> contracts/a.ts'
  ],
  'a door of two platforms, by way of the second': [
    {
      'contracts/index.ts': "import '#contracts/platform'",
      'contracts/platform/node.ts': "import '../index.ts'",
      'contracts/platform/portable.ts': ''
    },
    'contracts/index.ts -> contracts/platform/node.ts -> contracts/index.ts'
  ],
  'two folders whose modules form none': [
    {
      'mesh-node/net/a.ts': "import '../store/a.ts'",
      'mesh-node/net/b.ts': '',
      'mesh-node/store/a.ts': '',
      'mesh-node/store/b.ts': "import '../net/b.ts'"
    },
    'mesh-node/net -> mesh-node/store -> mesh-node/net'
  ],
  'two top folders, deep inside': [
    {
      'control/cli/a.ts': "import '#ledger'",
      'control/plan/b.ts': '',
      'ledger/index.ts': "import './store/a.ts'",
      'ledger/store/a.ts': "import type { B } from '../../control/plan/b.ts'"
    },
    'control -> ledger -> control'
  ]
}

describe('a circular import', () => {
  for (const [name, [sources, road]] of Object.entries(CIRCLES)) {
    it(`is caught and printed: ${name}`, () => {
      const made = Object.entries(sources).map(([path, text]) => ({ path, text }))
      deepEqual(
        cycleFaults(made, doors).map(({ what }) => what),
        [road]
      )
    })
  }

  it('is none where a module is shared, or where a child process is only named', () => {
    const made = [
      { path: 'sim/a.ts', text: "import './b.ts'\nimport './c.ts'" },
      { path: 'sim/b.ts', text: "import './c.ts'" },
      { path: 'sim/c.ts', text: "export const child = new URL('./a.ts', import.meta.url)" }
    ]
    deepEqual(print(cycleFaults(made, doors)), [])
  })
})

describe('a mesh loaded by Studio', () => {
  for (const loads of ["import '#mesh-node'", "import '#ledger'", "import 'libp2p'"]) {
    it(`is caught: ${loads}`, () => {
      const made = [
        { path: 'control/studio/studio.ts', text: "export { a } from '../session/a.ts'" },
        { path: 'control/session/a.ts', text: `${loads}\nexport const a = 1` },
        { path: 'mesh-node/index.ts', text: '' },
        { path: 'ledger/index.ts', text: '' }
      ]
      const rules = reachFaults(made, doors, REACHES).map(({ rule, path }) => ({ rule, path }))
      deepEqual(rules, [{ rule: 'reach', path: 'control/studio/studio.ts' }])
    })
  }
})

/** What looks like a leak and is none: a rule that cries here would be switched off soon. */
const SOUND: Readonly<Record<string, Omit<Leak, 'rule'>>> = {
  'a forbidden name in a comment or a string': {
    path: 'mesh-node/core/x.ts',
    code: "// Date.now, fetch(x)\nexport const why = 'never setTimeout'"
  },
  'a port of that name': {
    path: 'control/x.ts',
    code: 'export const a = (ports: Ports) => ports.fetch(ports.crypto.key)'
  },
  'the type of a forbidden thing': {
    path: 'control/x.ts',
    code: 'export interface Ports { readonly fetch: typeof fetch; setTimeout(): void }'
  },
  'a date made from a given time': {
    path: 'control/x.ts',
    code: 'export const a = (nowMs: number) => new Date(nowMs).toISOString()'
  },
  'a driver that tells the time': {
    path: 'mesh-node/net/x.ts',
    code: 'export const nowMs = () => Date.now()'
  },
  'a door that the table lists': { path: 'control/x.ts', code: "import { a } from '#mesh-node'" },
  'a long table': {
    path: 'contracts/x.data.ts',
    code: `export const a = [\n${"'b',\n".repeat(400)}]`
  },
  'a function of seventy lines': {
    path: 'control/x.ts',
    code: `export function a() {\n${long(68)}}`
  }
}

describe('a sound module', () => {
  for (const [name, { path, code }] of Object.entries(SOUND)) {
    it(`passes: ${name}`, () => {
      deepEqual(print(faultsOf([{ path, text: `${OPENING}${code}\n` }])), [])
    })
  }
})
