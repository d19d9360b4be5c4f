/**
 * Another operator's folder as a client of a mesh: `kora run --mesh --bootstrap` and the commands that
 * ask, in real processes with keys of their own. Who may, what comes back, and what is left when a
 * client or the control node is killed. Hostile clients are in `control-links.spec.ts`.
 */
import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { z } from 'zod'
import { EXIT } from '#contracts'
import {
  type CommandRun,
  Commands,
  ENDLESS,
  errorOf,
  LoopFiles,
  loopGraph,
  npy,
  PATIENCE_MS,
  ResultDocument,
  type UpRun
} from '../support/kora-process.ts'
import { fewer, inLong } from '../support/long.ts'
import { Started, until } from '../support/mesh-hosts.ts'

const GRANT_MICRO = 50_000_000
const Status = z.object({
  mesh: z.string(),
  sessions: z.array(z.object({ session: z.string(), status: z.string() })),
  nodes: z.array(z.object({ node: z.string(), state: z.string() }))
})
const Balance = z.object({ balances: z.record(z.string(), z.number()), sum_micro: z.number() })
const Counted = z.looseObject({ nodes: z.number() })
const Files = z.looseObject({ files: z.record(z.string(), z.string()) })
/** More units than a kill finds done, each long enough to be seen running. */
const SLOW = Array.from({ length: 12 }, (_, index) => 120_000 + index)
const AGAIN = SLOW.map((turns) => turns + 1_000)

describe('a client of another operator', function () {
  this.timeout(240_000)
  let started: Started
  let commands: Commands
  let files: LoopFiles
  let control: string
  let client: string
  let peer: string
  let port: number
  let up: UpRun

  before(async () => {
    started = new Started()
    commands = new Commands(started)
    files = new LoopFiles(await started.folder())
    control = files.path('control')
    client = files.path('client')
    await commands.json(...files.addWords(control))
    peer = await peerOf(client)
    port = await freePort()
    up = await start()
    await commands.join(up, files.path('node-1'))
    await commands.join(up, files.path('node-2'))
    await until(async () => (await nodesReady()) === 2, 'both nodes', PATIENCE_MS)
  })
  after(() => started.endAll())

  const start = (): Promise<UpRun> =>
    commands.up(
      control,
      ...['--listen', `/ip4/127.0.0.1/tcp/${port}`],
      ...['--allow', `${peer}=guest:${GRANT_MICRO}`]
    )

  const peerOf = async (folder: string): Promise<string> =>
    z
      .object({ peer_id: z.string() })
      .loose()
      .parse(await commands.json('identity', '--data', folder)).peer_id

  /** As the operator sees them. */
  const nodesReady = async (): Promise<number> =>
    Status.parse(await commands.json('status', '--data', control)).nodes.filter(
      ({ state }) => state === 'active'
    ).length

  /** The words that make a command a client's. */
  const asClient = (folder = client): string[] => [
    ...['--data', folder, '--mesh', up.mesh],
    ...up.addresses.flatMap((address) => ['--bootstrap', address])
  ]

  const runWords = (graph: string, inputs: readonly string[], folder = client): string[] => [
    ...['run', graph, ...inputs, ...asClient(folder), '--json']
  ]

  const ask = (...words: readonly string[]): Promise<unknown> =>
    commands.json(...words, ...asClient())
  const sessions = async () => Status.parse(await ask('status')).sessions
  const balance = async () =>
    Balance.parse(await commands.json('ledger', 'balance', '--data', control))

  async function done(run: CommandRun): Promise<z.infer<typeof ResultDocument>> {
    const { code, out, err } = await run.ended()
    equal(code, EXIT.ok, err)
    return ResultDocument.parse(JSON.parse(out))
  }

  /** Sessions that the control node has told something of: read from its folder, which waits for nobody. */
  const told = (): readonly string[] => {
    const folder = join(control, 'events')
    return existsSync(folder) ? readdirSync(folder) : []
  }

  /** A session that was not told of before, with a unit at a node. */
  async function running(before: readonly string[]): Promise<string> {
    let found: string | undefined
    await until(
      () => {
        found = told().find(
          (file) =>
            !before.includes(file) &&
            /"lease_id":"l/.test(readFileSync(join(control, 'events', file), 'utf8'))
        )
        return found !== undefined
      },
      'a running session',
      PATIENCE_MS
    )
    return found?.replace('.jsonl', '') ?? ''
  }

  async function freePort(): Promise<number> {
    const server = createServer()
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const address = server.address()
    ok(address !== null && typeof address === 'object')
    await new Promise((closed) => server.close(closed))
    return address.port
  }

  it('runs a graph there, watches it, and gets outputs, bill and hash as a local run does', async () => {
    const inputs = files.inputWords([10, 20, 30], 'small.npy')
    const words = ['run', files.path('loops.json'), ...inputs]
    const out = files.path('out')
    const run = commands.kora([...words, ...asClient(), '--out', out, '--json'])
    const theirs = await done(run)
    match(run.err, /\| 2 nodes \|/)
    equal(theirs.status, 'completed')
    // nodes that have yet to prove themselves do a unit both
    ok(theirs.model_calls >= 3 && theirs.model_calls <= 6, String(theirs.model_calls))
    const own = ResultDocument.parse(await commands.json(...words, '--data', control))
    deepEqual(theirs.outputs, own.outputs)
    deepEqual(Object.keys(theirs).sort(), Object.keys(own).sort())
    deepEqual(readdirSync(out), ['y.npy'])
    const { files: kept } = Files.parse(await ask('result', theirs.session))
    ok((kept['y.npy'] ?? '').startsWith(join(client, 'meshes', up.mesh)))
    deepEqual(readFileSync(kept['y.npy'] ?? ''), readFileSync(join(out, 'y.npy')))
    notEqual(own.session, theirs.session)
    ok(!existsSync(join(client, 'genesis.cbor')))
    const { balances, sum_micro } = await balance()
    equal(sum_micro, 0)
    equal(balances['tenant:guest'], GRANT_MICRO - theirs.bill.total_micro)
  })

  it('hands large inputs over by hash, and gets large outputs so', async () => {
    const numbers = Array.from({ length: 400_000 }, (_, index) => index)
    const large = files.write('large.npy', npy('<f4', numbers))
    const graph = {
      schema_version: 1,
      graph_id: 'large',
      inputs: { x: {} },
      budgets: { max_model_calls: 0, max_tokens: 0, max_cost_micro: 0, max_latency_ms: 60_000 },
      tasks: [
        {
          id: 'x',
          type: 'deterministic',
          handler: 'tensor.load',
          input: { file: { $input: 'x' }, format: 'npy' }
        }
      ],
      outputs: { x: { $task: 'x' } }
    }
    const path = files.write('large.json', JSON.stringify(graph))
    const out = files.path('large-out')
    await done(commands.kora([...runWords(path, ['--input', `x=${large}`]), '--out', out]))
    deepEqual(
      readFileSync(join(out, 'x.npy')).subarray(-1_600_000),
      readFileSync(large).subarray(-1_600_000)
    )
  })

  it('asks what happened to its own sessions, and learns of no other', async () => {
    const inputs = files.inputWords([40, 50], 'mine.npy')
    const mine = await done(commands.kora(runWords(files.path('loops.json'), inputs)))
    const theirs = Status.parse(await commands.json('status', '--data', control)).sessions
    const other = theirs.find(({ session }) => session !== mine.session)
    const visible = await sessions()
    ok(visible.some(({ session }) => session === mine.session))
    ok(visible.length < theirs.length)
    const hidden = theirs.find(
      ({ session }) => !visible.some((row) => row.session === session)
    )?.session
    ok(hidden !== undefined && other !== undefined)
    const unit = mine.units.find(({ task }) => task === 'run')?.unit ?? ''
    equal(z.looseObject({ state: z.string() }).parse(await ask('explain', unit)).state, 'success')
    const replay = z.looseObject({ equal: z.boolean(), state_hash: z.string() })
    deepEqual(replay.parse(await ask('replay', mine.session)).state_hash, mine.state_hash)
    for (const verb of fewer(['result', 'cancel', 'replay', 'watch'], 2)) {
      const refused = await commands.ended(verb, hidden, ...asClient(), '--json')
      equal(errorOf(refused).code, 'session.unknown', verb)
      equal(refused.code, EXIT.failed)
    }
  })

  it('is refused where the operator does not list it, and told what to do', async () => {
    const stranger = files.path('stranger')
    const words = runWords(files.path('loops.json'), files.inputWords([1]), stranger)
    const before = await balance()
    const refused = await commands.ended(...words)
    const { code, facts, hint } = errorOf(refused)
    deepEqual([code, refused.code, refused.out], ['admission.client_refused', EXIT.refused, ''])
    equal(facts['client'], await peerOf(stranger))
    match(hint, /kora up --allow/)
    match(up.run.err, /refused .* admission\.client_refused/)
    deepEqual(await balance(), before)
  })

  it('is refused with a graph of another tenant', async () => {
    const graph = files.write(
      'tenant.json',
      JSON.stringify({ ...loopGraph(), tenant_id: 'somebody-else' })
    )
    const refused = await commands.ended(...runWords(graph, files.inputWords([1])))
    deepEqual([errorOf(refused).code, refused.code], ['admission.tenant_mismatch', EXIT.refused])
  })

  it('hears the faults of its graph and of its budget as they are said at home', async () => {
    const poor = {
      ...loopGraph({ graph_id: 'poor' }),
      budgets: { max_model_calls: 0, max_tokens: 0, max_cost_micro: 0, max_latency_ms: 1_000 }
    }
    const graph = files.write('poor.json', JSON.stringify(poor))
    const words = ['run', graph, ...files.inputWords([1]), '--json']
    const there = await commands.ended(...words, ...asClient())
    const here = await commands.ended(...words, '--data', control)
    deepEqual(errorOf(there), errorOf(here))
    equal(there.code, here.code)
  })

  it('says what is wrong with the mesh or the address that it was given', async () => {
    const [address = ''] = up.addresses
    const nobody = address.replace(/tcp\/\d+/, 'tcp/9')
    const words = ['run', files.path('loops.json'), ...files.inputWords([1]), '--json']
    const wrong: readonly (readonly [string[], string, number])[] = [
      [
        ['--mesh', 'ab'.repeat(32), '--bootstrap', address],
        'control.not_at_address',
        EXIT.unavailable
      ],
      [['--mesh', up.mesh, '--bootstrap', nobody], 'net.unreachable', EXIT.unavailable],
      [['--mesh', up.mesh], 'control.address_missing', EXIT.unavailable],
      [['--mesh', up.mesh, '--bootstrap', 'here'], 'net.address_malformed', EXIT.unavailable],
      [
        ['--mesh', files.path('no.cbor'), '--bootstrap', address],
        'control.genesis_lost',
        EXIT.unavailable
      ],
      [
        ['--mesh', up.mesh, '--bootstrap', address, '--local-nodes', '1'],
        'genesis.other_mesh',
        EXIT.bad_input
      ]
    ]
    for (const [more, code, exit] of wrong) {
      const folder = files.path('wrong')
      const refused = await commands.ended(...words, ...more, '--data', folder)
      deepEqual([errorOf(refused).code, refused.code], [code, exit], more.join(' '))
      ok(!existsSync(join(folder, 'genesis.cbor')), 'no mesh was made')
    }
  })

  it('names the mesh by its genesis file, or in the configuration', async () => {
    const genesis = join(control, 'genesis.cbor')
    const config = files.write(
      'client.yaml',
      `mesh: ${genesis}\nbootstrap:\n  - ${up.addresses[0]}\n`
    )
    const asked = await commands.json('status', '--data', client, '--config', config)
    equal(Status.parse(asked).mesh, up.mesh)
  })

  it('cancels its session on Ctrl-C and still gets its document', async () => {
    const before = told()
    const run = commands.kora(
      runWords(files.path('loops.json'), files.inputWords([ENDLESS, ENDLESS + 1], 'endless.npy'))
    )
    const session = await running(before)
    run.child.kill('SIGINT')
    const { code, out, err } = await run.ended()
    equal(code, EXIT.interrupted, err)
    const document = ResultDocument.parse(JSON.parse(out))
    deepEqual([document.session, document.stop_reason], [session, 'cancelled'])
  })

  inLong('sees nodes come and go while its units only run', async () => {
    const before = told()
    const run = commands.kora(
      runWords(files.path('loops.json'), files.inputWords([ENDLESS + 3], 'watched.npy'))
    )
    const session = await running(before)
    const watch = commands.kora(['watch', session, ...asClient(), '--json'])
    const counts = (): number[] =>
      watch.out
        .trimEnd()
        .split('\n')
        .filter((line) => line.includes('"unitsRunning"'))
        .map((line) => Counted.parse(JSON.parse(line)).nodes)
    const sees = (nodes: number) =>
      until(() => counts().at(-1) === nodes, `${nodes} nodes`, PATIENCE_MS)
    await sees(2)
    const third = await commands.join(up, files.path('node-3'))
    await sees(3)
    await third.run.kill()
    await sees(2)
    await ask('cancel', session)
    equal((await run.ended()).code, EXIT.failed)
    equal((await watch.ended()).code, EXIT.failed)
  })

  inLong('cancels from another process what it submitted', async () => {
    const before = told()
    const run = commands.kora(
      runWords(files.path('loops.json'), files.inputWords([ENDLESS + 2], 'more.npy'))
    )
    const session = await running(before)
    deepEqual(await ask('cancel', session), { cancelled: session })
    const { code, out } = await run.ended()
    equal(code, EXIT.failed)
    equal(ResultDocument.parse(JSON.parse(out)).stop_reason, 'cancelled')
  })

  it('finds its session run to the end after it was killed', async () => {
    const before = told()
    const run = commands.kora(
      runWords(files.path('loops.json'), files.inputWords(SLOW, 'slow.npy'))
    )
    const session = await running(before)
    await run.kill()
    const { code, out, err } = await commands.ended('watch', session, ...asClient(), '--json')
    equal(code, EXIT.ok, err)
    const document = ResultDocument.parse(JSON.parse(out.trim().split('\n').at(-1) ?? ''))
    deepEqual([document.session, document.status], [session, 'completed'])
    equal(document.model_calls >= SLOW.length, true)
  })

  it('waits out a control node that was killed, and is billed once', async () => {
    const graph = files.write('again.json', JSON.stringify(loopGraph({ request_id: 'again' })))
    const before = told()
    const spentBefore = (await balance()).balances['tenant:guest'] ?? 0
    const run = commands.kora(runWords(graph, files.inputWords(AGAIN, 'again.npy')))
    const session = await running(before)
    await up.run.kill()
    up = await start()
    deepEqual(up.resumed, [session])
    const document = await done(run)
    match(run.err, /the control node does not answer/)
    equal(document.session, session)
    const { balances, sum_micro } = await balance()
    equal(spentBefore - (balances['tenant:guest'] ?? 0), document.bill.total_micro)
    equal(sum_micro, 0)
    const twice = await done(commands.kora(runWords(graph, files.inputWords(AGAIN, 'again.npy'))))
    deepEqual([twice.session, twice.state_hash], [session, document.state_hash])
    deepEqual((await balance()).balances, balances)
  })

  it('keeps the peer id of its folder when a mesh is made there', async () => {
    const folder = files.path('later')
    const before = await peerOf(folder)
    const made = await commands.json('init', '--data', folder)
    equal(z.looseObject({ peer_id: z.string() }).parse(made).peer_id, before)
  })

  it('is another tenant after the operator says so, and unknown where nobody granted anything', async () => {
    const other = files.path('other-control')
    await cp(join(control, 'models'), join(other, 'models'), { recursive: true })
    const refused = await commands.ended(
      ...['up', '--data', other, '--allow', `${peer}=nobody`, '--json']
    )
    deepEqual([errorOf(refused).code, refused.code], ['control.tenant_unknown', EXIT.unavailable])
    const config = files.write('allow.yaml', `allow:\n  - ${peer}=lodger:7\n`)
    const lent = await commands.up(other, '--config', config)
    const { balances } = Balance.parse(await commands.json('ledger', 'balance', '--data', other))
    equal(balances['tenant:lodger'], 7)
    const words = ['--data', client, '--mesh', lent.mesh, '--bootstrap', lent.addresses[0] ?? '']
    equal(Status.parse(await commands.json('status', ...words)).mesh, lent.mesh)
    const wrong = files.write('wrong.yaml', 'allow:\n  - me\n')
    const malformed = await commands.ended('up', '--config', wrong, '--data', other, '--json')
    equal(errorOf(malformed).code, 'config.malformed')
  })
})
