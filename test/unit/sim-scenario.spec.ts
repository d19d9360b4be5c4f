/** Scenarios as users write them: read with defaults, and refused with the line of each fault. */
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { type Issue, MeshError } from '#contracts'
import { readScenario, runScenario, scenarioFolder, shippedMatrix } from '#sim'

const read = (text: string) => readScenario(Buffer.from(text))
const SMALL = 'claim: c\nnodes: 2\nunits: 3\n'

function faultsOf(text: string): readonly Issue[] {
  let issues: readonly Issue[] = []
  throws(
    () => read(text),
    (error) => {
      ok(error instanceof MeshError && error.code === 'scenario.invalid')
      issues = error.issues ?? []
      return issues.length > 0
    }
  )
  return issues
}

describe('a scenario', () => {
  it('needs a claim, nodes and units, and has sound defaults', () => {
    const scenario = read(SMALL)
    equal(scenario.latency, 'wondernetwork')
    ok(Object.values(scenario.actors).every((share) => share === 0))
    deepEqual(
      faultsOf('latency: seattle\n').map(({ path }) => path),
      ['/claim', '/nodes', '/units']
    )
  })

  for (const [what, text, path, line] of [
    ['an unknown key', `${SMALL}speed: 3\n`, '/speed', 4],
    ['zero nodes', 'claim: c\nnodes: 0\nunits: 3\n', '/nodes', 2],
    ['more nodes than memory holds', 'claim: c\nnodes: 9000000\nunits: 3\n', '/nodes', 2],
    ['half a unit', 'claim: c\nnodes: 1\nunits: 2.5\n', '/units', 3],
    ['a share above the whole', `${SMALL}quorum_per_mille: 1001\n`, '/quorum_per_mille', 4],
    ['more actors than nodes', `${SMALL}actors:\n  liars: 600\n  withholders: 500\n`, '/actors', 5],
    ['times the wrong way round', `${SMALL}service_ms: {min: 9, max: 3}\n`, '/service_ms', 4],
    ['a place that is none', `${SMALL}latency: mars\n`, '/latency', 4],
    ['no time at all', `${SMALL}latency: {rtt_ms: 0}\n`, '/latency/rtt_ms', 4],
    [
      'a fault of a list',
      `${SMALL}vanish:\n  - {at_ms: 1, share_per_mille: -1}\n`,
      '/vanish/0/share_per_mille',
      5
    ]
  ] as const) {
    it(`is refused at its line for ${what}`, () => {
      const faults = faultsOf(text)
      const [fault] = faults.filter((one) => one.path === path)
      equal(fault?.at?.line, line, JSON.stringify(faults))
    })
  }

  it('says what a latency may be', () => {
    const [fault] = faultsOf(`${SMALL}latency: mars\n`)
    ok(fault?.message.includes('wondernetwork') && fault.message.includes('rtt_ms'))
  })

  it('is refused where it is no YAML, names a key twice, or explodes', () => {
    equal(faultsOf('nodes: [1, 2')[0]?.rule, 'not_yaml')
    equal(faultsOf(`${SMALL}nodes: 5\n`)[0]?.rule, 'not_yaml')
    equal(faultsOf(`${SMALL}a: &a [1]\nb: *a\n`)[0]?.rule, 'not_yaml')
    equal(faultsOf('x'.repeat(300_000))[0]?.rule, 'too_large')
  })

  it('is changed where its user names a setting, and checked as a whole then', () => {
    const changes = { nodes: '40', 'actors.liars': '200', latency: '{rtt_ms: 9}' }
    const scenario = readScenario(Buffer.from(`${SMALL}actors: {late: 3}\n`), changes)
    equal(scenario.nodes, 40)
    deepEqual([scenario.actors.liars, scenario.actors.late], [200, 3])
    deepEqual(scenario.latency, { rtt_ms: 9 })
    const listed = readScenario(Buffer.from(`${SMALL}vanish: [{at_ms: 1, share_per_mille: 2}]\n`), {
      'vanish.0.at_ms': '7'
    })
    deepEqual(listed.vanish, [{ at_ms: 7, share_per_mille: 2, back_after_ms: null }])
  })

  for (const [what, changes, code, path] of [
    ['an unknown key', { 'actors.saints': '3' }, 'scenario.invalid', '/actors/saints'],
    ['a value that cannot be', { nodes: '0' }, 'scenario.invalid', '/nodes'],
    ['a key that leads nowhere', { 'nodes.many': '3' }, 'scenario.invalid', '/nodes'],
    ['no name of a setting', { 'a..b': '3' }, 'sim.setting_invalid', undefined],
    ['a name of no setting', { ['__proto__']: '3' }, 'sim.setting_invalid', undefined],
    ['no YAML', { nodes: '[' }, 'sim.setting_invalid', undefined]
  ] as const) {
    it(`is not changed by ${what}`, () => {
      throws(
        () => readScenario(Buffer.from(SMALL), changes),
        (error) => {
          ok(error instanceof MeshError && error.code === code, String(error))
          const fault = error.issues?.find((issue) => issue.path === path)
          // the line of what was changed is not where the fault is
          return path === undefined || (fault !== undefined && fault.at === undefined)
        }
      )
    })
  }

  it('is refused before it begins where it needs more memory than there is', async () => {
    const ports = {
      matrixOf: shippedMatrix,
      wallMs: () => 0,
      rssMb: () => 0,
      goesOn: async () => true
    }
    const run = (memoryMb: number, text: string) =>
      runScenario(
        { name: 'm', scenario: read(text), seed: 1 },
        { ...ports, memoryMb: () => memoryMb }
      )
    await rejects(run(4_000, 'claim: c\nnodes: 150000\nunits: 3\n'), (error) => {
      ok(error instanceof MeshError && error.code === 'sim.memory_short')
      deepEqual(error.facts, { nodes: 150_000, units: 3, needed_mb: 6_060, available_mb: 4_000 })
      return true
    })
    equal((await run(4_000, SMALL)).violations.length, 0)
  })

  it('ships only with a claim that opens the file', () => {
    const files = readdirSync(scenarioFolder()).filter((file) => file.endsWith('.yaml'))
    ok(files.length >= 6)
    for (const file of files) {
      const text = readFileSync(new URL(file, scenarioFolder()), 'utf8')
      ok(text.startsWith('# Claim: '), file)
      ok(read(text).claim.length > 0)
    }
  })
})
