/**
 * The command `krako-node` as operators and scripts use it: real processes, exit codes, what is on
 * which stream, and how it stops.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { EXIT, encodeManifest, encodeValue, type ModelManifest } from '#contracts'
import { unitOf } from '../support/agent-fixtures.ts'
import { HandGateway } from '../support/hand-gateway.ts'
import { LOOPBACK, Started, until } from '../support/mesh-hosts.ts'
import { floats, longs, tensorManifest } from '../support/models.ts'
import { loopingModel } from '../support/onnx-builder.ts'

const COMMAND = fileURLToPath(new URL('../../bin/krako-node.js', import.meta.url))
const Ready = z.object({
  event: z.literal('ready'),
  peer_id: z.string(),
  mesh: z.string(),
  addresses: z.array(z.string())
})
const Status = z.object({
  peer_id: z.string(),
  agent: z.object({
    mode: z.string(),
    idle: z.object({ rule: z.string(), detail: z.string() }).nullable(),
    running: z.array(z.object({ task_id: z.string() })),
    ends: z.object({ accepted: z.number() })
  })
})

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** One run of the command, with what it has said so far. */
class Run {
  readonly child: ChildProcess
  out = ''
  err = ''

  constructor(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [COMMAND, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env }
    })
    this.child.stdout?.on('data', (part) => {
      this.out += String(part)
    })
    this.child.stderr?.on('data', (part) => {
      this.err += String(part)
    })
  }

  async ended(): Promise<Ended> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      await once(this.child, 'close')
    }
    return { code: this.child.exitCode, out: this.out, err: this.err }
  }

  async ready(): Promise<z.infer<typeof Ready>> {
    await until(() => this.out.includes('\n') || this.child.exitCode !== null, 'ready', 30_000)
    ok(this.out.includes('\n'), this.err)
    return Ready.parse(JSON.parse(this.out))
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended()
  }
}

describe('krako-node', function () {
  this.timeout(90_000)
  let started: Started
  let folder: string
  let gateway: HandGateway
  let genesisFile: string

  before(async () => {
    started = new Started()
    folder = await started.folder()
    gateway = started.add(await HandGateway.start(), (one) => one.stop())
    genesisFile = join(folder, 'genesis.cbor')
    writeFileSync(genesisFile, gateway.genesis.bytes)
  })
  after(() => started.endAll())

  const run = (...words: readonly string[]): Run => started.add(new Run(words), (one) => one.kill())
  const ended = (...words: readonly string[]): Promise<Ended> => run(...words).ended()
  const dataDir = (name: string): string => join(folder, name)
  const startNode = (name: string, ...more: readonly string[]): Run =>
    run(
      'start',
      '--json',
      ...['--mesh', genesisFile, '--data', dataDir(name), '--listen', LOOPBACK],
      ...['--bootstrap', gateway.address, '--slots', '1', ...more]
    )

  it('starts, says so in one line, answers for itself, and stops cleanly on SIGTERM', async () => {
    const node = startNode('first')
    const ready = await node.ready()
    equal(ready.mesh, gateway.genesis.id)
    ok(ready.addresses[0]?.endsWith(ready.peer_id))
    await gateway.hears('claim')
    const asked = await ended('status', '--json', '--data', dataDir('first'))
    equal(asked.code, EXIT.ok, asked.err)
    const status = Status.parse(JSON.parse(asked.out))
    equal(status.peer_id, ready.peer_id)
    deepEqual([status.agent.mode, status.agent.idle?.rule], ['serving', 'no_work'])
    const { out } = await ended('status', '--data', dataDir('first'))
    match(out, /state {6}serving, idle: .* \[no_work\]/)
    match(out, /gateway .*online/s)
    equal(statSync(join(dataDir('first'), 'node.key')).mode & 0o777, 0o600)
    equal(statSync(join(dataDir('first'), 'control.json')).mode & 0o777, 0o600)
    node.child.kill('SIGTERM')
    const { code, err } = await node.ended()
    equal(code, EXIT.ok, err)
    equal(node.out.trim().split('\n').length, 1)
    for (const line of err.trim().split('\n')) JSON.parse(line)
    ok(!existsSync(join(dataDir('first'), 'control.json')))
    const late = await ended('status', '--data', dataDir('first'))
    equal(late.code, EXIT.unavailable)
    match(late.err, /^error: node\.not_running/)
  })

  it('keeps its identity from start to start', async () => {
    const before = JSON.parse((await ended('identity', '--json', '--data', dataDir('who'))).out)
    const node = startNode('who')
    equal((await node.ready()).peer_id, before.peer_id)
    node.child.kill('SIGINT')
    await node.ended()
    const { out } = await ended('identity', '--data', dataDir('who'))
    match(out, new RegExp(`peer id {5}${before.peer_id}`))
    match(before.public_key, /^[0-9a-f]{64}$/)
  })

  it('refuses a folder whose node runs already, and a port in use', async () => {
    const node = startNode('taken')
    await node.ready()
    const second = await startNode('taken').ended()
    equal(second.code, EXIT.unavailable)
    match(second.err, /ledger\.store_locked/)
    const busy = createServer()
    await new Promise<void>((listening) => busy.listen(0, '127.0.0.1', listening))
    const address = busy.address()
    ok(address !== null && typeof address === 'object')
    const listen = `/ip4/127.0.0.1/tcp/${address.port}`
    const third = await startNode('free', '--listen', listen).ended()
    busy.close()
    equal(third.code, EXIT.unavailable, third.err)
    match(third.err, /net\.port_in_use/)
    node.child.kill('SIGTERM')
    equal((await node.ended()).code, EXIT.ok)
  })

  it('hands back what waits and what runs when it is told to stop', async () => {
    const node = startNode('busy', '--drain-grace-ms', '200')
    await node.ready()
    const model = await publishLooping()
    await until(() => gateway.isLinked, 'the link')
    const x = await gateway.input('x', floats([1], 1))
    const turns = await gateway.input('turns', longs(2 ** 40))
    const unit = { model: { cid: model, handler: null }, inputs: [turns.input, x.input] }
    const timeouts = { dispatch_ms: 10_000, run_ms: 60_000 }
    const budget = { max_tokens: 0, max_time_ms: 60_000, max_cost_micro: 1 }
    const granted = gateway.grant(
      [1, 2].map((index) => unitOf(index, { ...unit, timeouts, budget }))
    )
    const status = async () =>
      Status.parse(JSON.parse((await ended('status', '--json', '--data', dataDir('busy'))).out))
    await until(async () => (await status()).agent.running.length === 1, 'a running unit', 30_000)
    node.child.kill('SIGTERM')
    const { code, err } = await node.ended()
    equal(code, EXIT.ok, err)
    const released = gateway.bodies('release').flatMap(({ leases }) => leases)
    deepEqual(new Set(released), new Set(granted.map(({ lease }) => lease)))
  })

  it('stops at once on a second signal', async () => {
    const node = startNode('twice', '--drain-grace-ms', '60000')
    await node.ready()
    const model = await publishLooping()
    await until(() => gateway.isLinked, 'the link')
    const x = await gateway.input('x', floats([1], 1))
    const turns = await gateway.input('turns', longs(2 ** 41))
    const unit = { model: { cid: model, handler: null }, inputs: [turns.input, x.input] }
    const budget = { max_tokens: 0, max_time_ms: 60_000, max_cost_micro: 1 }
    gateway.grant([unitOf(3, { ...unit, budget, timeouts: { dispatch_ms: 1, run_ms: 60_000 } })])
    await until(() => node.err.includes('model conforms'), 'a checked model', 30_000)
    node.child.kill('SIGINT')
    await until(() => node.err.includes('stopping'), 'the first signal')
    node.child.kill('SIGINT')
    equal((await node.ended()).code, EXIT.interrupted)
  })

  it('names the flag, the variable or the line that is wrong', async () => {
    const verb = await ended('strat')
    equal(verb.code, EXIT.usage)
    match(verb.err, /Did you mean start\?/)
    const flag = await ended('start', '--slts', '3')
    equal(flag.code, EXIT.usage)
    match(flag.err, /Did you mean --slots\?/)
    const value = await ended('start', '--mesh', genesisFile, '--slots', 'many')
    equal(value.code, EXIT.usage)
    match(value.err, /--slots: /)
    equal((await ended('start')).code, EXIT.usage)
    const config = join(folder, 'wrong.yaml')
    writeFileSync(config, 'slots: 2\nsped: 9\nqueue: many\n')
    const file = await ended('start', '--config', config)
    equal(file.code, EXIT.bad_input)
    match(file.err, /wrong\.yaml:3:8 \/queue/)
    match(file.err, /wrong\.yaml:2:7 \/sped: unknown key/)
    const variable = await new Run(['start', '--mesh', 'x'], { KRAKO_QUEUE: 'seven' }).ended()
    equal(variable.code, EXIT.bad_input)
    match(variable.err, /KRAKO_QUEUE: /)
    const missing = await ended(
      'start',
      '--mesh',
      join(folder, 'no-genesis'),
      '--data',
      dataDir('none')
    )
    equal(missing.code, EXIT.bad_input)
    match(missing.err, /genesis\.malformed/)
  })

  it('takes flags before variables before the file before defaults', async () => {
    const config = join(folder, 'node.yaml')
    writeFileSync(config, 'mesh: from-file\nslots: 3\nqueue: 30\npod: [large]\n')
    const words = ['start', '--config', config, '--slots', '2', '--print-config', '--json']
    const { code, out } = await new Run(words, { KRAKO_QUEUE: '7', KRAKO_SLOTS: '9' }).ended()
    equal(code, EXIT.ok)
    const { mesh, slots, queue, pod, log_level } = JSON.parse(out)
    deepEqual(
      { mesh, slots, queue, pod },
      { mesh: 'from-file', slots: 2, queue: 7, pod: ['large'] }
    )
    equal(log_level, 'info')
  })

  it('lists, adds, verifies and clears what it keeps', async () => {
    const data = ['--data', dataDir('cache'), '--json']
    const file = join(folder, 'model.bin')
    writeFileSync(file, 'a model')
    const { added } = JSON.parse((await ended('cache', 'add', file, ...data)).out)
    const { blobs } = JSON.parse((await ended('cache', 'list', ...data)).out)
    deepEqual(blobs, [{ cid: added[0].cid, size: 7 }])
    equal((await ended('cache', 'verify', ...data)).code, EXIT.ok)
    deepEqual(JSON.parse((await ended('cache', 'clear', ...data)).out), { removed: 1, bytes: 7 })
    const none = await ended('cache', 'add', join(folder, 'no-such-file'), ...data)
    equal(none.code, EXIT.bad_input)
    equal(JSON.parse(none.err).error.code, 'blob.not_found')
  })

  it('shows help with examples for every verb, and its version', async () => {
    for (const verb of ['start', 'status', 'pause', 'identity', 'cache', 'cache list']) {
      const { code, out } = await ended(...verb.split(' '), '--help')
      equal(code, EXIT.ok)
      match(out, /Examples:/, verb)
    }
    match((await ended('--version')).out, /^\d+\.\d+\.\d+\n$/)
  })

  async function publishLooping() {
    const { blobs } = gateway
    const file = loopingModel()
    await blobs.put(file)
    const manifest: ModelManifest = {
      ...tensorManifest('looping', file),
      golden: [
        {
          inputs: await blobs.put(encodeValue({ turns: longs(2), x: floats([1], 3) })),
          outputs: await blobs.put(encodeValue({ y: floats([1], 12) }))
        }
      ]
    }
    return blobs.put(encodeManifest(manifest))
  }
})
