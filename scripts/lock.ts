/**
 * Completes `package-lock.json` with the optional packages of other platforms.
 *
 * npm drops them when it cannot fetch them or when it installs beside an old `node_modules`, and
 * `npm ci` then refuses the file on every machine. What is added has a version and a platform but
 * no hash, since nothing was downloaded; `npm install` on that platform fills it in. It changes no
 * entry that is there.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'

const LOCK = new URL('../package-lock.json', import.meta.url)
const ENTRY = z.looseObject({
  dev: z.boolean().optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional()
})
const FILE = z.looseObject({ packages: z.record(z.string(), ENTRY) })

type Packages = z.infer<typeof FILE>['packages']

/** The entry for a package whose name says its platform, as `@biomejs/cli-linux-arm64-musl` does. */
function entryFor(name: string, version: string, dev: boolean): Packages[string] {
  const platform = name.split('/').at(-1) ?? name
  const os = /android|darwin|freebsd|linux|openharmony|win32/.exec(platform)?.[0]
  const cpu = /arm64|x64|ia32|ppc64|riscv64|s390x|arm/.exec(platform)?.[0]
  if (os === undefined || cpu === undefined || !/^\d+\.\d+\.\d+$/.test(version)) {
    throw new Error(`${name}@${version} says no platform or no exact version: run npm install`)
  }
  const libc = os === 'linux' ? /musl|gnu/.exec(platform)?.[0].replace('gnu', 'glibc') : undefined
  return {
    version,
    cpu: [cpu],
    ...(dev ? { dev } : {}),
    ...(libc === undefined ? {} : { libc: [libc] }),
    optional: true,
    os: [os]
  }
}

function missing(packages: Packages): readonly (readonly [string, Packages[string]])[] {
  return Object.entries(packages).flatMap(([path, { dev = false, optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !(`node_modules/${name}` in packages))
      .filter(([name]) => !(`${path}/node_modules/${name}` in packages))
      .map(([name, version]) => [`node_modules/${name}`, entryFor(name, version, dev)] as const)
  )
}

const file = FILE.parse(JSON.parse(readFileSync(LOCK, 'utf8')))
const added = missing(file.packages)
const packages = Object.entries({ ...file.packages, ...Object.fromEntries(added) })
packages.sort(([a], [b]) => a.localeCompare(b, 'en'))
writeFileSync(
  LOCK,
  `${JSON.stringify({ ...file, packages: Object.fromEntries(packages) }, null, 2)}\n`
)
console.log(`added ${added.length} entries`)
