/**
 * The command `kora` as operators and scripts use it: real processes, every verb, exit codes, what is
 * on which stream, and how it stops. What crashes leave behind is in `crash.spec.ts`.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { z } from 'zod'
import { EXIT } from '#contracts'
import {
  type Commands,
  childrenOf,
  ENDLESS,
  type Ended,
  errorOf,
  isAlive,
  type LoopFiles,
  loopGraph,
  loopMesh,
  PATIENCE_MS,
  ResultDocument,
  type UpRun
} from '../support/kora-process.ts'
import { fewer } from '../support/long.ts'
import { type Started, until } from '../support/mesh-hosts.ts'

const SESSION = 's00000000000000000000000000000000'
const Explained = z.object({
  state: z.string(),
  refusals: z.array(z.object({ node: z.string(), rule: z.string(), detail: z.string() })),
  next: z.string()
})
const Status = z.object({
  mesh: z.string(),
  sessions: z.array(z.object({ session: z.string(), status: z.string() })),
  nodes: z.array(z.object({ node: z.string(), state: z.string(), running: z.number() }))
})
const Closed = z.object({
  kind: z.literal('session.closed'),
  body: z.object({ session: z.string(), stop_reason: z.string() })
})

describe('kora', function () {
  this.timeout(180_000)
  let started: Started
  let commands: Commands
  let files: LoopFiles
  let data: string

  before(async () => {
    ;({ started, commands, files, data } = await loopMesh())
    await commands.json(...files.addWords(data), '--name', 'on-pods', '--tier', 'large')
  })
  after(() => started.endAll())

  const ended = (...words: readonly string[]): Promise<Ended> => commands.ended(...words)
  const status = async (folder: string) =>
    Status.parse(await commands.json('status', '--data', folder))

  async function stop({ run }: UpRun): Promise<void> {
    run.child.kill('SIGTERM')
    equal((await run.ended()).code, EXIT.ok, run.err)
  }

  /** The last session's end, as the ledger has it. */
  async function lastClosed(folder: string): Promise<z.infer<typeof Closed>['body']> {
    const { out } = await ended('ledger', 'export', '--data', folder)
    const line = out.split('\n').findLast((one) => one.includes('"kind":"session.closed"'))
    return Closed.parse(JSON.parse(line ?? '{}')).body
  }

  describe('over a folder in which no control node runs', () => {
    let session: string
    let unit: string

    it('runs a graph on nodes of its own, answers with one document, and leaves no process', async () => {
      const inputs = files.inputWords([10, 20, 30], 'small.npy')
      const words = ['run', files.path('loops.json'), ...inputs, '--data', data]
      const run = commands.kora([...words, '--local-nodes', '1', '--json'])
      const pids = new Set<number>()
      await until(
        () => {
          for (const pid of childrenOf(run.pid)) pids.add(pid)
          return run.isOver
        },
        'the end of the run',
        PATIENCE_MS
      )
      const { code, out, err } = await run.ended()
      equal(code, EXIT.ok, err)
      const document = ResultDocument.parse(JSON.parse(out))
      session = document.session
      unit = document.units.find(({ task }) => task === 'run')?.unit ?? ''
      deepEqual([document.status, document.model_calls], ['completed', 3])
      equal(document.bill.sum_micro, 0)
      ok(pids.size > 0)
      await until(() => ![...pids].some(isAlive), 'no process is left')
      ok(!existsSync(join(data, 'control.json')))
    })

    it('answers every question from what lies there, as lines and as one document', async () => {
      const asked: readonly (readonly [string[], RegExp])[] = [
        [['status'], /mesh [0-9a-f]{64}/],
        [['result', session], /state hash: [0-9a-f]{64}/],
        [['explain', unit], /success/],
        [['explain', unit.slice(-8)], /success/],
        [['replay', session], /^equal$/m],
        [['ledger', 'verify'], /^sound$/m],
        [['ledger', 'balance'], /sum of all balances: 0/],
        [['ledger', 'bill', session], /total: \d+ micro-credits/],
        [['ledger', 'bill'], /total: \d+ micro-credits/],
        [['models', 'list'], /looping.*silero-vad/s]
      ]
      for (const [words, expected] of asked) {
        const lines = await ended(...words, '--data', data)
        equal(lines.code, EXIT.ok, lines.err)
        match(lines.out, expected, words.join(' '))
        equal(lines.err, '', words.join(' '))
      }
      for (const [words] of fewer(asked, 3)) {
        ok((await commands.json(...words, '--data', data)) !== null, words.join(' '))
      }
      const { out } = await ended('ledger', 'export', '--data', data)
      for (const line of out.trim().split('\n')) ok(JSON.parse(line).kind)
      const file = files.path('export.jsonl')
      equal((await ended('ledger', 'export', '--out', file, '--data', data)).code, EXIT.ok)
      equal(readFileSync(file, 'utf8'), out)
      const twice = await ended('ledger', 'export', '--out', file, '--data', data, '--json')
      equal(errorOf(twice).code, 'output.unwritable')
      equal(readFileSync(file, 'utf8'), out)
    })

    it('plans without running, and runs on this machine alone', async () => {
      const inputs = files.inputWords([10, 20], 'planned.npy')
      const words = [files.path('loops.json'), ...inputs, '--data', data]
      const plan = await ended('plan', ...words)
      equal(plan.code, EXIT.ok, plan.err)
      match(plan.out, /5 tasks, 4 need no model/)
      ok(
        Array.isArray(
          z
            .looseObject({ tasks: z.array(z.unknown()) })
            .parse(await commands.json('plan', ...words)).tasks
        )
      )
      const studio = await commands.json('studio', 'run', ...words)
      equal(z.looseObject({ status: z.string() }).parse(studio).status, 'completed')
      match((await ended('studio', 'run', ...words)).out, /state hash/)
    })

    it('makes a mesh once, and says what is not there', async () => {
      const fresh = files.path('fresh')
      const made = await commands.json('init', '--name', 'mine', '--data', fresh)
      match(z.looseObject({ mesh: z.string() }).parse(made).mesh, /^[0-9a-f]{64}$/)
      const refusals: readonly (readonly [string[], string, number])[] = [
        [['init', '--data', fresh], 'control.mesh_exists', EXIT.unavailable],
        [['status', '--data', files.path('none')], 'control.no_mesh', EXIT.unavailable],
        [['watch', '--data', data], 'control.not_running', EXIT.unavailable],
        [['cancel', session, '--data', data], 'control.not_running', EXIT.unavailable],
        [['result', SESSION, '--data', data], 'session.unknown', EXIT.failed],
        [['replay', SESSION, '--data', data], 'session.unknown', EXIT.failed],
        [['ledger', 'bill', SESSION, '--data', data], 'session.unknown', EXIT.failed],
        [['result', 'x', '--data', data], 'contracts.id_malformed', EXIT.bad_input],
        [['explain', 'nothing', '--data', data], 'unit.unknown', EXIT.bad_input]
      ]
      for (const [words, code, exit] of refusals) {
        const answer = await ended(...words, '--json')
        deepEqual(
          [errorOf(answer).code, answer.code, answer.out],
          [code, exit, ''],
          words.join(' ')
        )
      }
      ok(!existsSync(files.path('none')))
    })
  })

  it('refuses a wrong command line with a suggestion, on the error stream alone', async () => {
    const wrong: readonly (readonly [string[], RegExp])[] = [
      [['pln'], /Did you mean plan\?/],
      [['plan', 'x.yaml', '--jsn'], /Did you mean --json\?/],
      [['ledger', 'verfy'], /Did you mean verify\?/],
      [['run'], /missing required argument/],
      [['up', '--port', '70000'], /whole number from 0 to 65535/],
      [['plan', 'x', '--input', 'novalue'], /name=file/],
      [['plan', 'x', '--input', 'a=1', '--input', 'a=2'], /given twice/]
    ]
    for (const [words, expected] of wrong) {
      const { code, out, err } = await ended(...words)
      deepEqual([code, out], [EXIT.usage, ''], words.join(' '))
      match(err, expected)
      match(err, /^next: /m)
    }
    const json = await ended('pln', '--json')
    deepEqual([json.code, errorOf(json).code], [EXIT.usage, 'cli.usage'])
    match((await ended('--help')).out, /Exit codes: 0 ok/)
  })

  it('refuses files and inputs that are not there, or that the graph does not name', async () => {
    const graph = files.path('loops.json')
    const given = files.inputWords([1])
    const config = files.write('wrong.yaml', 'prot: 8077\n')
    const refusals: readonly (readonly [string[], string])[] = [
      [['plan', files.path('no.yaml')], 'input.unreadable'],
      [['plan', files.folder], 'input.unreadable'],
      [['plan', graph, '--input', `turns=${files.path('no.npy')}`], 'input.unreadable'],
      [['plan', graph, ...given, '--input', 'other=1'], 'input.unknown'],
      [['studio', 'run', graph, ...given.slice(0, 2)], 'graph.input_missing'],
      [['run', graph, ...given.slice(0, 2)], 'graph.input_missing'],
      [['up', '--config', config], 'config.malformed'],
      [['models', 'add', files.path('no.onnx')], 'input.unreadable']
    ]
    for (const [words, code] of refusals) {
      const answer = await ended(...words, '--data', data, '--json')
      deepEqual([errorOf(answer).code, answer.code], [code, EXIT.bad_input], words.join(' '))
      equal(answer.out, '')
    }
  })

  describe('with a control node that runs', () => {
    let up: UpRun
    before(async () => {
      up = await commands.up(data)
    })
    after(() => stop(up))

    it('refuses ports that are taken and a second control node in the folder', async () => {
      const busy = createServer()
      await new Promise<void>((listening) => busy.listen(0, '127.0.0.1', listening))
      const address = busy.address()
      ok(address !== null && typeof address === 'object')
      const other = files.path('ports')
      const listen = `/ip4/127.0.0.1/tcp/${address.port}`
      const http = await ended('up', '--port', `${address.port}`, '--data', other, '--json')
      const mesh = await ended('up', '--listen', listen, '--data', other, '--json')
      busy.close()
      for (const refused of [http, mesh]) {
        deepEqual([errorOf(refused).code, refused.code], ['net.port_in_use', EXIT.unavailable])
        match(JSON.stringify(errorOf(refused).facts), new RegExp(`${address.port}`))
      }
      const second = await ended('up', '--data', data, '--json')
      equal(errorOf(second).code, 'control.already_running')
      equal(second.code, EXIT.unavailable)
      const run = ['run', files.path('loops.json'), ...files.inputWords([1]), '--data', data]
      const own = await ended(...run, '--local-nodes', '1', '--json')
      equal(errorOf(own).code, 'control.already_running')
    })

    it('keeps the store to itself where its file is lost', async () => {
      const file = join(data, 'control.json')
      const text = readFileSync(file)
      const { writeFileSync, rmSync } = await import('node:fs')
      for (const broken of [null, '{', '{}']) {
        if (broken === null) rmSync(file)
        else writeFileSync(file, broken)
        for (const words of [['status'], ['up'], ['ledger', 'verify']]) {
          const refused = await ended(...words, '--data', data, '--json')
          equal(errorOf(refused).code, 'ledger.store_locked', words.join(' '))
          equal(refused.code, EXIT.unavailable)
        }
      }
      writeFileSync(file, text, { mode: 0o600 })
      equal((await status(data)).mesh, up.mesh)
    })

    it('says which rule refuses which node, and ends at the time limit', async () => {
      const small = await commands.join(up, files.path('small-node'), '--memory-mb', '128')
      const pod = { ...loopGraph({ graph_id: 'pods', run: { model: 'on-pods', tier: 'large' } }) }
      const roomy = loopGraph({ graph_id: 'roomy', run: { routing: { min_memory_mb: 999_999 } } })
      await until(
        async () => (await status(data)).nodes.some(({ node }) => node === small.peer_id),
        'the node',
        PATIENCE_MS
      )
      const expected = [
        [files.write('pods.json', JSON.stringify(pod)), /kind_not_served.*llm/],
        [files.write('roomy.json', JSON.stringify(roomy)), /memory/]
      ] as const
      for (const [graph, rule] of fewer(expected, 1)) {
        const words = ['run', graph, ...files.inputWords([7]), '--data', data]
        const run = commands.kora([...words, '--timeout', '20', '--json'])
        let unit = ''
        await until(
          async () => {
            const row = (await status(data)).sessions.find((one) => one.status === 'running')
            if (row !== undefined) unit = waitingUnit(row.session)
            return unit !== ''
          },
          'a waiting unit',
          PATIENCE_MS
        )
        let explained: z.infer<typeof Explained> | undefined
        await until(
          async () => {
            explained = Explained.parse(await commands.json('explain', unit, '--data', data))
            return explained.refusals.some((one) => one.node === small.peer_id)
          },
          'a refusal of the node',
          PATIENCE_MS
        )
        const rules = explained?.refusals.filter(({ node }) => node === small.peer_id) ?? []
        match(JSON.stringify(rules), rule)
        match((await ended('explain', unit, '--data', data)).out, rule)
        const { code, out } = await run.ended()
        equal(code, EXIT.failed)
        equal(ResultDocument.parse(JSON.parse(out)).stop_reason, 'cancelled')
      }
      small.run.child.kill('SIGTERM')
      equal((await small.run.ended()).code, EXIT.ok)
    })

    it('follows and cancels a session from other processes', async () => {
      const words = ['run', files.path('loops.json'), ...files.inputWords([8]), '--data', data]
      const run = commands.kora([...words, '--json'])
      let session = ''
      await until(
        async () => {
          const row = (await status(data)).sessions.find((one) => one.status === 'running')
          session = row?.session ?? ''
          return session !== ''
        },
        'a running session',
        PATIENCE_MS
      )
      const watch = commands.kora(['watch', '--data', data, '--json'])
      await watch.firstLine()
      deepEqual(await commands.json('cancel', session, '--data', data), { cancelled: session })
      equal((await run.ended()).code, EXIT.failed)
      const { code, out } = await watch.ended()
      equal(code, EXIT.failed)
      equal(
        ResultDocument.parse(JSON.parse(out.trim().split('\n').at(-1) ?? '')).status,
        'cancelled'
      )
      deepEqual(await lastClosed(data), { session, stop_reason: 'cancelled' })
      const again = await ended('cancel', session, '--data', data, '--json')
      equal(errorOf(again).code, 'session.unknown')
    })

    /** The fanned-out unit that was queued, from the session's events. */
    function waitingUnit(session: string): string {
      const file = join(data, 'events', `${session}.jsonl`)
      if (!existsSync(file)) return ''
      const line = readFileSync(file, 'utf8')
        .split('\n')
        .find((one) => one.includes('"workunit.queued"') && /small_model|llm/.test(one))
      return line === undefined
        ? ''
        : z.looseObject({ work_unit_id: z.string() }).parse(JSON.parse(line)).work_unit_id
    }
  })

  describe('interrupted', () => {
    const endless = () => files.inputWords([ENDLESS, ENDLESS + 1], 'endless.npy')

    async function runningRun() {
      const words = ['run', files.path('loops.json'), ...endless(), '--data', data]
      const run = commands.kora([...words, '--local-nodes', '1', '--json'])
      await until(
        () => /[1-9]\d* running, .* \| 1 node \| .* run$/m.test(run.err) || run.isOver,
        'units at a node',
        PATIENCE_MS
      )
      ok(!run.isOver, run.err)
      return { run, pids: childrenOf(run.pid) }
    }

    it('closes the session as cancelled and leaves no process', async () => {
      const { run, pids } = await runningRun()
      run.child.kill('SIGINT')
      const { code, out } = await run.ended()
      equal(code, EXIT.interrupted)
      const document = ResultDocument.parse(JSON.parse(out))
      equal(document.stop_reason, 'cancelled')
      await until(() => ![...pids, run.pid].some(isAlive), 'no process is left')
      const closed = await lastClosed(data)
      deepEqual([closed.session, closed.stop_reason], [document.session, 'cancelled'])
      const { ok: sound } = z
        .looseObject({ ok: z.boolean() })
        .parse(await commands.json('ledger', 'verify', '--data', data))
      ok(sound)
    })

    it('ends at once on the second Ctrl-C, and the session can go on', async () => {
      const { run, pids } = await runningRun()
      run.child.kill('SIGINT')
      run.child.kill('SIGINT')
      equal((await run.ended()).code, EXIT.interrupted)
      await until(() => ![...pids, run.pid].some(isAlive), 'no process is left', PATIENCE_MS)
      const after = await status(data)
      ok(after.sessions.every((one) => one.status !== 'running'))
      deepEqual(
        readdirSync(data).filter((name) => name.endsWith('.part')),
        []
      )
    })
  })
})
