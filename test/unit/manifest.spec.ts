/**
 * The manifest and the lock file: what every clean install starts from.
 *
 * Looks at the files alone and asks no registry.
 */
import { deepEqual, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { TOOLS } from '../../scripts/tool.ts'

const read = (name: string): string =>
  readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
const VERSIONS = z.record(z.string(), z.string())
const { dependencies, devDependencies, allowScripts } = z
  .object({
    dependencies: VERSIONS,
    devDependencies: VERSIONS,
    allowScripts: z.record(z.string(), z.boolean())
  })
  .parse(JSON.parse(read('package.json')))
const { packages } = z
  .object({
    packages: z.record(
      z.string(),
      z.object({
        version: z.string().optional(),
        resolved: z.string().optional(),
        hasInstallScript: z.boolean().optional(),
        optionalDependencies: VERSIONS.optional()
      })
    )
  })
  .parse(JSON.parse(read('package-lock.json')))
const locked = Object.entries(packages)
const tools = Object.values(TOOLS)
  .flat()
  .map((name) => ({ name: name.slice(0, name.lastIndexOf('@')), pinned: name }))

describe('the manifest', () => {
  it('pins every dependency to one version', () => {
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^(npm:.+@)?\d+\.\d+\.\d+$/.test(version)
    )
    deepEqual(loose, [])
  })

  it('says of every install script whether it may run', () => {
    const scripts = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true)
    const names = scripts.map(([path]) => path.split('node_modules/').at(-1) ?? path)
    ok(names.length > 0)
    deepEqual(
      names.filter((name) => !(name in allowScripts)),
      []
    )
  })

  it('gives every dependency a line in DECISIONS.md', () => {
    const decisions = read('DECISIONS.md')
    const names = [
      ...Object.keys({ ...dependencies, ...devDependencies }),
      ...tools.map(({ name }) => name)
    ]
    deepEqual(
      names.filter((name) => !decisions.includes(`| \`${name}\``)),
      []
    )
  })
})

describe('a tool that is fetched when asked for', () => {
  it('is pinned to one version', () => {
    ok(tools.length > 0)
    deepEqual(
      tools.filter(({ pinned }) => !/@\d+\.\d+\.\d+$/.test(pinned)),
      []
    )
  })

  it('is in no checkout', () => {
    deepEqual(
      tools.filter(({ name }) => `node_modules/${name}` in packages),
      []
    )
  })
})

describe('the lock file', () => {
  it('names the optional packages of every platform, as npm ci wants', () => {
    const missing = locked.flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) =>
          !(`node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages)
      )
    )
    deepEqual(missing, [], 'run: npm run lock')
  })

  it('carries no download addresses', () => {
    const addressed = locked.filter(([, { resolved }]) => resolved?.startsWith('http') === true)
    deepEqual(
      addressed.map(([path]) => path),
      []
    )
  })
})
