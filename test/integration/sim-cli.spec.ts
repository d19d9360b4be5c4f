/** `kora sim` as a researcher types it: a run with its page, the page again, and meshes of several sizes. */
import { equal, match, notEqual, ok } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { scenarioFolder } from '#sim'
import { Commands } from '../support/kora-process.ts'
import { Started } from '../support/mesh-hosts.ts'

const Sizes = z.object({
  sizes: z.array(z.object({ nodes: z.number(), bids_per_unit: z.number(), violations: z.number() }))
})
const Changed = z.object({ claim: z.string(), roles: z.array(z.object({ role: z.string() })) })
const Run = z.looseObject({ events: z.number() })
const trace = new URL('fork-join.workflow.json', scenarioFolder()).pathname

describe('kora sim', function () {
  this.timeout(120_000)
  const started = new Started()
  const commands = new Commands(started)
  afterEach(() => started.endAll())

  it('writes a page of a run, and the same page again from its figures', async () => {
    const folder = await started.folder()
    const [page, again] = [join(folder, 'run.html'), join(folder, 'again.html')]
    const words = ['steady', '--nodes', '12', '--workflow', trace, '--faster', '20']
    const { code, out } = await commands.ended('sim', 'run', ...words, '--report', page)
    equal(code, 0, out)
    match(out, /makespan +[\d.]+ s; at least 1\.3 s/)
    equal((await commands.ended('sim', 'report', join(folder, 'run.json'), '--out', again)).code, 0)
    equal(readFileSync(again, 'utf8'), readFileSync(page, 'utf8'))
    ok(readFileSync(page, 'utf8').includes('class="map"'))
  })

  it('bisects runs of the real fidelity by what is in their traces', async () => {
    const folder = await started.folder()
    const words = ['one', 'other'].map((name, run) => {
      const file = join(folder, `${name}.json`)
      const trace_marks = ['a', 'b', `c${run}`]
      const traced = { trace_hash: name, trace_marks, events: 90_000, trace_events: 3_200 }
      writeFileSync(file, JSON.stringify(traced))
      return file
    })
    const { code, out } = await commands.ended('sim', 'bisect', ...words)
    equal(code, 1)
    match(out, /the same up to event 2000\ndifferent by event 3000/)
  })

  it('says what is wrong with a file that is no report, and writes nothing', async () => {
    const folder = await started.folder()
    const file = join(folder, 'other.json')
    writeFileSync(file, '{"scenario": 1}')
    const { code, err } = await commands.ended('sim', 'report', file)
    equal(code, 3)
    match(err, /report\.invalid/)
    match(err, /\/scenario/)
  })

  it('runs a scenario with other settings than its file has, and refuses what cannot be', async () => {
    const words = ['sim', 'run', 'steady', '--nodes', '10', '--units', '8', '--set']
    const { claim, roles } = Changed.parse(await commands.json(...words, 'actors.late=500'))
    match(claim, /honest/)
    ok(roles.some(({ role }) => role === 'late'))
    const { code, err } = await commands.ended(...words, 'actors.late=1500')
    equal(code, 3)
    match(err, /scenario\.invalid[\s\S]*\/actors\/late/)
    const large = await commands.ended('sim', 'run', 'steady', '--nodes', '200000')
    equal(large.code, 3)
    match(large.err, /sim\.memory_short: nodes=200000 .*needed_mb=\d+ available_mb=\d+/)
  })

  it('runs one seed of large meshes again as the soak ran it, and refuses what is no seed', async () => {
    const large = ['--nodes', '30']
    const soak = await commands.json('sim', 'soak', '--seeds', '1', '--from', '7', ...large)
    const replay = await commands.json('sim', 'replay', '7', ...large)
    const [one, again] = [soak, replay].map((run) => Run.parse(run))
    equal(again?.events, one?.events)
    notEqual(Run.parse(await commands.json('sim', 'replay', '7')).events, one?.events)
    const refused = await commands.ended('sim', 'replay', '1.5')
    equal(refused.code, 2)
    match(refused.err, /cli\.usage.*whole number from 0 to/)
  })

  it('names a scenario that does not ship', async () => {
    const { code, err } = await commands.ended('sim', 'run', 'churm')
    equal(code, 3)
    match(err, /scenario\.unknown: scenario=churm\nnext: .*kora sim list/)
  })

  it('runs a scenario with meshes of several sizes', async () => {
    const words = ['sim', 'sweep', 'nodes', 'steady', '--nodes', '5', '--nodes', '20']
    const { sizes } = Sizes.parse(await commands.json(...words))
    equal(sizes.map(({ nodes }) => nodes).join(), '5,20')
    ok(sizes.every(({ violations }) => violations === 0))
  })
})
