/**
 * Processes that are killed in the middle of a session: the control node, a node, and both. The
 * session goes on, and the ledger shows that nothing ran twice under one number and nothing was billed
 * twice. Real processes, real network, real disks.
 */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import {
  Commands,
  ENDLESS,
  isAlive,
  LoopFiles,
  loopGraph,
  type NodeRun,
  PATIENCE_MS,
  ResultDocument,
  type UpRun
} from '../support/kora-process.ts'
import { inLong } from '../support/long.ts'
import { Started, until } from '../support/mesh-hosts.ts'

/** Long enough that a kill finds most of them waiting, short enough for two nodes on one core each. */
const UNITS = 24
const TURNS = 120_000

const Item = z.looseObject({
  unit: z.string(),
  attempt: z.number().optional(),
  node: z.string().optional()
})
const Entry = z.object({
  log: z.string(),
  seq: z.number(),
  kind: z.string(),
  body: z
    .looseObject({ session: z.string().optional(), items: z.array(Item).optional() })
    .nullable()
})
const Status = z.object({
  sessions: z.array(z.object({ session: z.string(), status: z.string(), units_done: z.number() })),
  nodes: z.array(z.object({ node: z.string(), state: z.string(), running: z.number() }))
})
const Verified = z.object({
  ok: z.boolean(),
  sum_micro: z.number(),
  rejections: z.array(z.unknown())
})

describe('a session whose processes are killed', function () {
  this.timeout(240_000)
  let started: Started
  let commands: Commands
  let files: LoopFiles
  let graph: string
  let inputs: string[]
  let undisturbed: z.infer<typeof ResultDocument>

  before(async () => {
    started = new Started()
    commands = new Commands(started)
    files = new LoopFiles(await started.folder())
    graph = files.write('crash.json', JSON.stringify(loopGraph({ request_id: 'crash' })))
    inputs = files.inputWords(Array.from({ length: UNITS }, (_, index) => TURNS + index))
    await commands.json(...files.addWords(files.path('calm')))
    const words = ['run', graph, ...inputs, '--data', files.path('calm'), '--local-nodes', '1']
    undisturbed = ResultDocument.parse(await commands.json(...words))
    equal(undisturbed.status, 'completed')
  })
  after(() => started.endAll())

  /** A data folder with the model and nothing else. */
  async function freshData(name: string): Promise<string> {
    const data = files.path(name)
    await cp(join(files.path('calm'), 'models'), join(data, 'models'), { recursive: true })
    // what is posted is counted: checks of another policy would be posted too
    await commands.json('init', '--trust', 'credibility', '--data', data)
    return data
  }

  const status = async (data: string) => Status.parse(await commands.json('status', '--data', data))

  /** Submits on the running control node and waits until so many units are done. */
  async function halfway(data: string): Promise<string> {
    commands.kora(['run', graph, ...inputs, '--data', data, '--json'])
    let session = ''
    await until(
      async () => {
        const row = (await status(data)).sessions[0]
        session = row?.session ?? ''
        // two inputs and their batches need no node
        return (row?.units_done ?? 0) >= 3 + 4
      },
      'some units done',
      PATIENCE_MS
    )
    return session
  }

  /** The same addresses as before, so that nodes find their way back. */
  const again = (data: string, { addresses }: UpRun): Promise<UpRun> =>
    commands.up(
      data,
      ...addresses.flatMap((address) => ['--listen', address.slice(0, address.indexOf('/p2p/'))])
    )

  async function stop({ run }: UpRun | NodeRun): Promise<void> {
    run.child.kill('SIGTERM')
    equal((await run.ended()).code, 0, run.err)
  }

  async function finished(data: string, session: string) {
    const { code, out, err } = await commands.ended('watch', session, '--data', data, '--json')
    equal(code, 0, err)
    return ResultDocument.parse(JSON.parse(out.trim().split('\n').at(-1) ?? ''))
  }

  /** What the ledger says of the session, and what must hold of it whatever was killed. */
  async function checkLedger(data: string, session: string) {
    const { out, code, err } = await commands.ended('ledger', 'export', '--data', data)
    equal(code, 0, err)
    const entries = out
      .trim()
      .split('\n')
      .map((line) => Entry.parse(JSON.parse(line)))
      .filter(({ body }) => body?.session === session)
    const items = (kind: string) =>
      entries.filter((entry) => entry.kind === kind).flatMap(({ body }) => body?.items ?? [])
    const reserved = items('units.reserved')
    const accepted = items('units.accepted')
    const names = reserved.map(({ unit, attempt }) => `${unit} ${attempt}`)
    equal(new Set(names).size, names.length, 'no attempt is reserved twice')
    const units = accepted.map(({ unit }) => unit)
    equal(new Set(units).size, units.length, 'no unit is posted twice')
    equal(units.length, UNITS)
    equal(entries.filter(({ kind }) => kind === 'session.opened').length, 1)
    equal(entries.filter(({ kind }) => kind === 'session.closed').length, 1)
    const report = Verified.parse(await commands.json('ledger', 'verify', '--data', data))
    deepEqual(report, { ok: true, sum_micro: 0, rejections: [] })
    return { reserved, accepted }
  }

  it('goes on when the control node was killed and starts again; the hash is as if nothing was', async () => {
    const data = await freshData('control-killed')
    const first = await commands.up(data)
    const nodes = [
      await commands.join(first, files.path('a1')),
      await commands.join(first, files.path('a2'))
    ]
    const session = await halfway(data)
    equal(session, undisturbed.session)
    await first.run.kill()
    const second = await again(data, first)
    deepEqual(second.resumed, [session])
    const document = await finished(data, session)
    equal(document.state_hash, undisturbed.state_hash)
    deepEqual(document.outputs, undisturbed.outputs)
    equal(document.bill.sum_micro, 0)
    await checkLedger(data, session)
    const replay = await commands.ended('replay', session, '--data', data, '--json')
    equal(replay.code, 0, replay.out + replay.err)
    for (const node of nodes) await stop(node)
    await stop(second)
  })

  inLong(
    'goes on with nodes that the control node itself had started, which end with it',
    async () => {
      const data = await freshData('bundle-killed')
      const first = await commands.up(data, '--local-nodes', '2')
      const session = await halfway(data)
      await first.run.kill()
      const second = await commands.up(data, '--local-nodes', '2')
      deepEqual(second.resumed, [session])
      const document = await finished(data, session)
      equal(document.state_hash, undisturbed.state_hash)
      await checkLedger(data, session)
      await stop(second)
    }
  )

  it('gives the unit of a killed node to another one, and takes the node back under its log', async () => {
    const data = await freshData('node-killed')
    const up = await commands.up(data)
    const doomed = await commands.join(up, files.path('b1'))
    const long = files.inputWords([ENDLESS, ENDLESS + 1], 'long.npy')
    commands.kora(['run', graph, ...long, '--data', data, '--json'])
    await until(
      async () => (await status(data)).nodes.some(({ running }) => running > 0),
      'a running unit',
      PATIENCE_MS
    )
    const session = (await status(data)).sessions[0]?.session ?? ''
    await doomed.run.kill()
    const other = await commands.join(up, files.path('b2'))
    await until(
      async () =>
        (await status(data)).nodes.some(
          ({ node, running }) => node === other.peer_id && running > 0
        ),
      'the unit at the other node',
      PATIENCE_MS
    )
    const back = await commands.join(up, files.path('b1'))
    equal(back.peer_id, doomed.peer_id)
    await until(
      async () =>
        (await status(data)).nodes.some(
          ({ node, state }) => node === back.peer_id && state === 'active'
        ),
      'the node is back',
      PATIENCE_MS
    )
    await commands.json('cancel', session, '--data', data)
    const { out } = await commands.ended('ledger', 'export', '--data', data)
    const entries = out
      .trim()
      .split('\n')
      .map((line) => Entry.parse(JSON.parse(line)))
    const reservedBy = new Set(
      entries
        .filter(({ kind }) => kind === 'units.reserved')
        .flatMap(({ body }) => body?.items ?? [])
        .map(({ node }) => node)
    )
    ok(reservedBy.has(doomed.peer_id) && reservedBy.has(other.peer_id))
    const bill = ResultDocument.parse(
      JSON.parse((await commands.ended('result', session, '--data', data, '--json')).out)
    ).bill
    deepEqual(bill, { total_micro: 0, sum_micro: 0 })
    const report = Verified.parse(await commands.json('ledger', 'verify', '--data', data))
    equal(report.ok, true)
    for (const node of [other, back]) await stop(node)
    await stop(up)
  })

  // both are killed one by one above
  inLong('goes on when control node and node were killed together', async () => {
    const data = await freshData('all-killed')
    const first = await commands.up(data)
    const before = await commands.join(first, files.path('c1'))
    const session = await halfway(data)
    await Promise.all([before.run.kill(), first.run.kill()])
    const second = await again(data, first)
    const after = await commands.join(second, files.path('c1'))
    equal(after.peer_id, before.peer_id)
    const document = await finished(data, session)
    equal(document.state_hash, undisturbed.state_hash)
    await checkLedger(data, session)
    await stop(after)
    await stop(second)
    ok(!isAlive(before.run.pid) && !isAlive(first.run.pid))
    notEqual(first.run.pid, second.run.pid)
  })
})
