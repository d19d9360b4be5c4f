/**
 * Disks that fill up in the middle of a session, at the control node and at a node. Whoever meets it
 * stops with a typed error that says what to do; when there is room again the session goes on, and
 * nothing is half-written, run twice under one number or billed twice. Real processes, real disks.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { EXIT } from '#contracts'
import {
  type CommandRun,
  Commands,
  type Ended,
  errorOf,
  LoopFiles,
  loopGraph,
  PATIENCE_MS,
  ResultDocument,
  type UpRun
} from '../support/kora-process.ts'
import { isLong } from '../support/long.ts'
import { Started, until } from '../support/mesh-hosts.ts'
import { halfWritten, SmallDisk, stopGrowth } from '../support/small-disk.ts'

/** A fifth of a second each: long enough that a disk fills between two of them. */
const UNITS = 12
const TURNS = 120_000
/** Each case takes half a minute. */
/** Room for the models that come with the program. */
const DISK_MIB = 96

const Items = z.object({
  kind: z.string(),
  body: z.looseObject({ items: z.array(z.looseObject({ unit: z.string() })).optional() }).nullable()
})

describe('a disk that fills up in the middle of a session', function () {
  this.timeout(120_000)
  let started: Started
  let commands: Commands
  let files: LoopFiles
  let graph: string
  let inputs: string[]
  let calm: string
  let undisturbed: z.infer<typeof ResultDocument>

  before(async () => {
    started = new Started()
    commands = new Commands(started)
    files = new LoopFiles(await started.folder())
    calm = files.path('calm')
    graph = files.write('full.json', JSON.stringify(loopGraph({ request_id: 'full' })))
    inputs = files.inputWords(Array.from({ length: UNITS }, (_, index) => TURNS + index))
    await commands.json(...files.addWords(calm))
    const words = ['run', graph, ...inputs, '--data', calm, '--local-nodes', '1']
    undisturbed = ResultDocument.parse(await commands.json(...words))
    equal(undisturbed.status, 'completed')
  })
  after(() => started.endAll())

  /** A mesh of its own with the model, begun and at rest. */
  async function freshData(name: string): Promise<string> {
    const data = files.path(name)
    await cp(join(calm, 'models'), join(data, 'models'), { recursive: true })
    await stop(await commands.up(data))
    return data
  }

  /** Submits on the running control node and waits until some units are done and some are not. */
  async function halfway(data: string): Promise<CommandRun> {
    const client = commands.kora(['run', graph, ...inputs, '--data', data, '--json'])
    // read from the file: asking by a command takes as long as the session has left
    await until(
      () => (eventsOf(data).match(/"workunit\.completed"/g) ?? []).length >= 3 || client.isOver,
      'some units done',
      PATIENCE_MS
    )
    return client
  }

  async function stop({ run }: { readonly run: CommandRun }): Promise<void> {
    run.child.kill('SIGTERM')
    equal((await run.ended()).code, EXIT.ok, run.err)
  }

  /** The same addresses as before, so that nodes find their way back. */
  const again = (data: string, { addresses }: UpRun): Promise<UpRun> =>
    commands.up(
      data,
      ...addresses.flatMap((address) => ['--listen', address.slice(0, address.indexOf('/p2p/'))])
    )

  /** The session goes on by itself and ends as it would have; the ledger and its replay are sound. */
  async function goesOn(data: string, second: UpRun): Promise<void> {
    const { session } = undisturbed
    deepEqual(second.resumed, [session])
    await watched(data)
    await endedRight(data)
  }

  /** Until the session has ended on the control node that runs. */
  async function watched(data: string): Promise<void> {
    const words = ['watch', undisturbed.session, '--data', data]
    const { code, err } = await commands.ended(...words)
    equal(code, EXIT.ok, err)
  }

  async function endedRight(data: string): Promise<void> {
    const { session } = undisturbed
    const document = ResultDocument.parse(await commands.json('result', session, '--data', data))
    deepEqual(
      [document.status, document.state_hash, document.outputs],
      ['completed', undisturbed.state_hash, undisturbed.outputs]
    )
    const replay = await commands.ended('replay', session, '--data', data, '--json')
    equal(replay.code, EXIT.ok, replay.out + replay.err)
    const report = z
      .looseObject({ ok: z.boolean(), sum_micro: z.number(), rejections: z.array(z.unknown()) })
      .parse(await commands.json('ledger', 'verify', '--data', data))
    deepEqual([report.ok, report.sum_micro, report.rejections], [true, 0, []])
    const exported = await commands.ended('ledger', 'export', '--data', data)
    const accepted = exported.out
      .trim()
      .split('\n')
      .map((line) => Items.parse(JSON.parse(line)))
      .filter(({ kind }) => kind === 'units.accepted')
      .flatMap(({ body }) => body?.items ?? [])
    deepEqual([accepted.length, new Set(accepted.map(({ unit }) => unit)).size], [UNITS, UNITS])
    const ids = eventsOf(data)
      .trim()
      .split('\n')
      .map((line) => z.looseObject({ id: z.string() }).parse(JSON.parse(line)).id)
    deepEqual(
      ids,
      ids.map((_, index) => String(index))
    )
  }

  /** Who follows the session hears why it broke off; on a busy machine perhaps only that it did. */
  function toldWhy(told: Ended, code: string): void {
    ok([code, 'control.not_running'].includes(errorOf(told).code), told.err)
    deepEqual([told.code, told.out], [EXIT.unavailable, ''])
  }

  function eventsOf(data: string): string {
    const path = join(data, 'events', `${undisturbed.session}.jsonl`)
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }

  const CONTROL: Readonly<Record<string, readonly [string, string]>> = {
    'the ledger': ['ledger', 'ledger.store_failed'],
    blobs: ['blobs', 'store.disk_full'],
    'the event log': ['events', 'store.disk_full'],
    results: ['sessions', 'store.disk_full'],
    'the cache': ['cache', 'store.disk_full']
  }
  for (const [what, [folder, code]] of Object.entries(CONTROL)) {
    // `whoever it runs as` below takes the same road
    if (!isLong) continue
    it(`stops the control node, and the session goes on when there is room: ${what}`, async function () {
      const data = await freshData(`control-${folder}`)
      const disk = SmallDisk.under(join(data, folder), DISK_MIB)
      // takes the right to mount; `whoever it runs as` below does it without
      if (disk === null) return this.skip()
      started.add(disk, async (one) => one.unmount())
      const first = await commands.up(data)
      const node = await commands.join(first, files.path(`node-${folder}`))
      const client = await halfway(data)
      disk.fill()
      const up = await first.run.ended()
      equal(up.out.trim().split('\n').length, 1)
      const error = errorOf(up)
      deepEqual([error.code, up.code], [code, EXIT.unavailable], up.err)
      match(error.hint, /[Ff]ree space/)
      const told = await client.ended()
      toldWhy(told, code)
      deepEqual(halfWritten(data), [])
      disk.free()
      const second = await again(data, first)
      await goesOn(data, second)
      await stop(node)
      await stop(second)
    })
  }

  it('stops the control node where no file of it grows any more, whoever it runs as', async () => {
    const data = await freshData('control-limit')
    const first = await commands.up(data)
    const node = await commands.join(first, files.path('node-limit'))
    const client = await halfway(data)
    stopGrowth(first.run.pid)
    const up = await first.run.ended()
    ok(['ledger.store_failed', 'store.disk_full'].includes(errorOf(up).code), up.err)
    equal(up.code, EXIT.unavailable)
    const told = await client.ended()
    toldWhy(told, errorOf(up).code)
    deepEqual(halfWritten(data), [])
    const second = await again(data, first)
    await goesOn(data, second)
    await stop(node)
    await stop(second)
  })

  it('stops a run that is its own control node, and goes on with the same run', async function () {
    // half a minute, and the same road as the control node's own: `npm run test:long` takes it
    if (!isLong) return this.skip()
    const data = await freshData('own')
    const words = ['run', graph, ...inputs, '--data', data, '--local-nodes', '1', '--json']
    const run = commands.kora(words)
    await until(
      () => /"workunit\.completed"/.test(eventsOf(data)) || run.isOver,
      'a unit done',
      PATIENCE_MS
    )
    stopGrowth(run.pid)
    const ended = await run.ended()
    ok(['ledger.store_failed', 'store.disk_full'].includes(errorOf(ended).code), ended.err)
    deepEqual([ended.code, ended.out], [EXIT.unavailable, ''])
    await commands.json(...words.slice(0, -1))
    await endedRight(data)
  })

  for (const [what, folder, code] of [
    ['its blobs', 'blobs', 'store.disk_full'],
    ['its ledger', 'ledger', 'ledger.store_failed']
  ] as const) {
    // a control node's disk is enough for every day: `npm run test:long` takes the nodes' too
    if (!isLong) continue
    it(`stops a node whose disk is full, and its units go to another: ${what}`, async function () {
      const data = await freshData(`mesh-of-${folder}`)
      const nodeData = files.path(`full-${folder}`)
      const up = await commands.up(data)
      await stop(await commands.join(up, nodeData))
      const disk = SmallDisk.under(join(nodeData, folder), DISK_MIB)
      // a full disk of its own takes the right to mount
      if (disk === null) {
        await stop(up)
        return this.skip()
      }
      started.add(disk, async (one) => one.unmount())
      const doomed = await commands.join(up, nodeData)
      disk.fill()
      commands.kora(['run', graph, ...inputs, '--data', data, '--json'])
      const ended = await doomed.run.ended()
      deepEqual([errorOf(ended).code, ended.code], [code, EXIT.unavailable], ended.err)
      const other = await commands.join(up, files.path(`other-${folder}`))
      await watched(data)
      await endedRight(data)
      disk.free()
      const back = await commands.join(up, nodeData)
      equal(back.peer_id, doomed.peer_id)
      for (const one of [back, other, up]) await stop(one)
    })
  }
})
