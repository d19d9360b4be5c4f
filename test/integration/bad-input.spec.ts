/**
 * Bad input at the doors that users and strangers have, each refused with a typed error that says what
 * to do next, and nothing half-written. What is held elsewhere, by the title of its test:
 *
 * | input | where |
 * |---|---|
 * | every rule of a graph, each at its path | unit/read-graph, unit/graph-rules, vectors/graph-text |
 * | audio cut anywhere, any bytes | unit/wav: `refuses a file cut off anywhere` and others |
 * | images cut anywhere, bombs, any bytes | unit/image: `refuses 30,000 × 30,000 pixels by the header` |
 * | model inputs | integration/executors: `refuses inputs that do not fit the signature` |
 * | every message of another shape, oversize, replayed for another mesh or peer | unit/wire |
 * | frames over the limit on a real link | integration/network |
 * | blobs whose bytes do not match | integration/blob-exchange: `fails with the mismatch …` |
 * | command lines, ports, locks, rules that refuse nodes | integration/kora-cli, krako-node-cli |
 * | broken stores, entry by entry | unit/ledger-store, unit/blob-store, integration/ledger-crash |
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import {
  EXIT,
  encodeCanonical,
  FRAMES,
  type Frame,
  parseMeshId,
  type Signer,
  sealFrame,
  signMessage
} from '#contracts'
import { createNetwork, type Link, nodeSigner } from '#mesh-node'
import { frames } from '../support/frame-fixtures.ts'
import {
  Commands,
  type Ended,
  errorOf,
  LoopFiles,
  loopGraph,
  npy,
  ResultDocument,
  type UpRun
} from '../support/kora-process.ts'
import { OTHER_MESH, seed } from '../support/mesh-fixtures.ts'
import { LOOPBACK, Started, until } from '../support/mesh-hosts.ts'

const SessionError = z.looseObject({
  status: z.string(),
  error: z.object({ code: z.string(), detail: z.string() })
})

describe('bad input', function () {
  this.timeout(180_000)
  let started: Started
  let commands: Commands
  let files: LoopFiles
  let data: string

  before(async () => {
    started = new Started()
    commands = new Commands(started)
    files = new LoopFiles(await started.folder())
    data = files.path('mesh')
    await commands.json(...files.addWords(data))
  })
  after(() => started.endAll())

  describe('in a graph', () => {
    const task = (id: string, more: object = {}) => ({
      id,
      type: 'aggregation',
      handler: 'list.length',
      input: { list: [] },
      ...more
    })
    const graph = (tasks: readonly object[], more: object = {}): string =>
      JSON.stringify({
        schema_version: 1,
        graph_id: 'bad',
        budgets: { max_tokens: 0, max_latency_ms: 1_000, max_cost_micro: 0, max_model_calls: 0 },
        tasks,
        outputs: {},
        ...more
      })
    const chain = (depth: number) =>
      Array.from({ length: depth }, (_, at) =>
        task(`t${at}`, at === 0 ? {} : { dependencies: [`t${at - 1}`] })
      )
    const bombs = ['a: &a [x,x,x,x,x,x,x,x,x]']
    for (let at = 1; at < 9; at++) {
      const [name, before] = [String.fromCharCode(97 + at), String.fromCharCode(96 + at)]
      bombs.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(',')}]`)
    }
    const many = Array.from({ length: 100_001 }, () => 1)
    const fanned = {
      id: 'run',
      type: 'model',
      model: 'looping',
      tier: 'small',
      fanout: { over: { $input: 'list' } },
      budget: { max_tokens: 0, max_time_ms: 1, max_cost_micro: 0 }
    }
    const cases: Readonly<Record<string, readonly [string | Uint8Array, string, RegExp]>> = {
      'a cycle': [
        graph([task('a', { dependencies: ['b'] }), task('b', { dependencies: ['a'] })]),
        'graph.invalid',
        /cycle/
      ],
      'an unknown dependency': [
        graph([task('a', { dependencies: ['nobody'] })]),
        'graph.invalid',
        /nobody/
      ],
      'a duplicate id': [graph([task('a'), task('a')]), 'graph.invalid', /"path":"\/tasks\/1/],
      'an unknown version': [
        graph([task('a')], { schema_version: 2 }),
        'graph.invalid',
        /"path":"\/schema_version"/
      ],
      'a negative budget': [
        graph([task('a')], {
          budgets: { max_tokens: -1, max_latency_ms: 1, max_cost_micro: 0, max_model_calls: 0 }
        }),
        'graph.invalid',
        /"path":"\/budgets\/max_tokens"/
      ],
      'a missing budget': [
        graph([{ id: 'm', type: 'model', model: 'looping', tier: 'small' }]),
        'graph.invalid',
        /missing_budget/
      ],
      'a wrong type': [graph([task('a', { id: 7 })]), 'graph.invalid', /"path":"\/tasks\/0\/id"/],
      'an unknown key': [graph([task('a', { extra: 1 })]), 'graph.invalid', /extra.*unknown_key/],
      'a depth of 1,001': [graph(chain(1_001)), 'graph.invalid', /1000/],
      '9 MiB': [
        `${graph([task('a')])}${' '.repeat(9 * 1024 * 1024)}`,
        'contracts.too_large',
        /bytes/
      ],
      'YAML aliases that explode': [bombs.join('\n'), 'graph.invalid', /alias/i],
      'bytes that are no UTF-8': [Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d), 'graph.invalid', /utf/i]
    }
    for (const [name, [text, code, facts]] of Object.entries(cases)) {
      it(`names ${name}`, async () => {
        const file = files.write('bad-graph.yaml', text)
        const answer = await commands.ended('plan', file, '--data', data, '--json')
        const error = errorOf(answer)
        deepEqual([error.code, answer.code, answer.out], [code, EXIT.bad_input, ''])
        match(JSON.stringify(error), facts)
      })
    }

    it('names 100,001 units, and nothing of it is run', async () => {
      const text = graph([fanned], {
        inputs: { list: { kind: 'json' } },
        budgets: {
          max_tokens: 0,
          max_latency_ms: 1_000,
          max_cost_micro: 0,
          max_model_calls: 10_000_000
        }
      })
      const file = files.write('units.yaml', text)
      const list = files.write('list.json', JSON.stringify(many))
      const words = [file, '--input', `list=${list}`, '--data', data, '--json']
      const answer = await commands.ended('plan', ...words)
      deepEqual([errorOf(answer).code, answer.code], ['graph.too_many_units', EXIT.bad_input])
    })
  })

  describe('in a recording or a page', () => {
    const riff = (rest: Uint8Array): Uint8Array =>
      Buffer.concat([
        Buffer.from('RIFF'),
        Uint8Array.of(255, 255, 255, 127),
        Buffer.from('WAVE'),
        rest
      ])
    const chunk = (name: string, bytes: number, body: Uint8Array): Uint8Array => {
      const size = Buffer.alloc(4)
      size.writeUInt32LE(bytes)
      return Buffer.concat([Buffer.from(name), size, body])
    }
    const pcm = Buffer.from([1, 0, 1, 0, 0x80, 0x3e, 0, 0, 0, 0x7d, 0, 0, 2, 0, 16, 0])
    const wav = (claimed: number, body: Uint8Array) =>
      riff(Buffer.concat([chunk('fmt ', 16, pcm), chunk('data', claimed, body)]))
    const png = (side: number): Uint8Array => {
      const header = Buffer.alloc(13)
      header.writeUInt32BE(side, 0)
      header.writeUInt32BE(side, 4)
      header.set([8, 2, 0, 0, 0], 8)
      const size = Buffer.alloc(4)
      size.writeUInt32BE(13)
      const magic = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
      return Buffer.concat([magic, size, Buffer.from('IHDR'), header, Buffer.alloc(4)])
    }
    const EIGHT_HOURS = 8 * 3_600 * 32_000
    const page = readFileSync('examples/read-page/letter.png')
    const cases: Readonly<Record<string, readonly ['audio' | 'page', Uint8Array, RegExp]>> = {
      'an empty recording': ['audio', new Uint8Array(0), /^audio\.empty$/],
      'a recording of another magic': ['audio', Buffer.from('OggS and more'), /^audio\.not_wav$/],
      'a recording without samples': ['audio', wav(0, new Uint8Array(0)), /^audio\.no_samples$/],
      'a recording that is cut off': [
        'audio',
        wav(32_000, Buffer.alloc(500)),
        /^audio\.truncated$/
      ],
      'eight hours in a kilobyte': ['audio', wav(EIGHT_HOURS, Buffer.alloc(1_000)), /^audio\.t/],
      'an empty page': ['page', new Uint8Array(0), /^image\.empty$/],
      'a page of another magic': ['page', Buffer.from('GIF89a and more'), /^image\.not_image$/],
      'a page that is cut off': ['page', page.subarray(0, 2_000), /^image\.(truncated|malformed)$/],
      'a page of 30,000 by 30,000 pixels': ['page', png(30_000), /^image\.too_many_pixels$/]
    }
    const GRAPHS = {
      audio: 'examples/transcribe/graph.yaml',
      page: 'examples/read-page/graph.yaml'
    }
    for (const [name, [input, bytes, code]] of Object.entries(cases)) {
      it(`is named: ${name}`, async () => {
        const file = files.write('bad-media', bytes)
        const words = [GRAPHS[input], '--input', `${input}=${file}`, '--data', data, '--json']
        const { code: exit, out, err } = await commands.ended('studio', 'run', ...words)
        equal(exit, EXIT.failed, err)
        const { status, error } = SessionError.parse(JSON.parse(out))
        equal(status, 'failed')
        match(error.code, code)
      })
    }
  })

  describe('in a model', () => {
    const studio = (graph: object, inputs: readonly string[]): Promise<Ended> => {
      const file = files.write('model-graph.json', JSON.stringify(graph))
      return commands.ended('studio', 'run', file, ...inputs, '--data', data, '--json')
    }
    const failed = ({ out, err }: Ended): string => {
      ok(out !== '', err)
      return SessionError.parse(JSON.parse(out)).error.code
    }

    it('is named where the file is no ONNX, and nothing is registered', async () => {
      const file = files.write('no.onnx', 'not a model at all')
      const before = await commands.json('models', 'list', '--data', data)
      const answer = await commands.ended('models', 'add', file, '--data', data, '--json')
      deepEqual([errorOf(answer).code, answer.code], ['model.not_onnx', EXIT.bad_input])
      deepEqual(await commands.json('models', 'list', '--data', data), before)
      deepEqual(
        readdirSync(join(data, 'models')).filter((name) => name.startsWith('.')),
        []
      )
    })

    it('is named where an input is missing, of another type or of another shape', async () => {
      const x = files.path('one.npy')
      const turns = files.write('t.npy', npy('<i8', [1]))
      const inputs = (a: string, b: string) => ['--input', `turns=${a}`, '--input', `x=${b}`]
      const missing = loopGraph({ run: { input: { turns: { $item: true } } } })
      equal(failed(await studio(missing, inputs(turns, x))), 'model.input_missing')
      const floatTurns = files.write('f.npy', npy('<f4', [1]))
      equal(failed(await studio(loopGraph(), inputs(floatTurns, x))), 'model.wrong_dtype')
      const three = files.write('three.npy', npy('<f4', [1, 2, 3]))
      equal(failed(await studio(loopGraph(), inputs(turns, three))), 'model.wrong_shape')
    })

    it('is named where its file or manifest is not what its hash says', async () => {
      const folder = files.path('changed')
      cpSync(join(data, 'models'), join(folder, 'models'), { recursive: true })
      const [entry = ''] = readdirSync(join(folder, 'models'))
      const names = readdirSync(join(folder, 'models', entry))
      for (const name of names) {
        const path = join(folder, 'models', entry, name)
        const sound = readFileSync(path)
        writeFileSync(path, flipped(sound))
        const answer = await commands.ended('up', '--data', folder, '--json')
        const error = errorOf(answer)
        equal(error.code, 'model.registry_corrupted', name)
        match(JSON.stringify(error.facts), new RegExp(entry))
        writeFileSync(path, sound)
        rmSync(join(folder, 'blobs'), { recursive: true, force: true })
      }
    })
  })

  describe('from a peer', () => {
    let up: UpRun
    before(async () => {
      up = await commands.up(data)
    })
    after(async () => {
      up.run.child.kill('SIGTERM')
      equal((await up.run.ended()).code, EXIT.ok, up.run.err)
    })

    /** A peer of this mesh that says what it likes. */
    async function hostile(
      fill: number
    ): Promise<{ link: Link; signer: Signer; closed: () => boolean }> {
      const mesh = parseMeshId(up.mesh)
      const network = started.add(
        await createNetwork({ seed: seed(fill), mesh, listen: [LOOPBACK] }),
        (one) => one.stop()
      )
      const peer = await network.dial(up.addresses[0] ?? '')
      const link = await network.openLink(peer, 'work')
      let isClosed = false
      link.onFrame(() => {})
      link.onClose(() => {
        isClosed = true
      })
      return { link, signer: nodeSigner(seed(fill)), closed: () => isClosed }
    }

    function sample<K extends Frame['kind']>(kind: K): Extract<Frame, { kind: K }> {
      const found = frames().find((one) => one.frame.kind === kind)?.frame
      ok(found?.kind === kind)
      return found as Extract<Frame, { kind: K }>
    }
    const hello = (signer: Signer): Frame => {
      const { body } = sample('hello')
      return { kind: 'hello', body: { ...body, node: signer.peerId, holding: [], models: [] } }
    }
    const beat = sample('heartbeat')
    const message = (
      kind: 'claim' | 'heartbeat',
      payload: Uint8Array,
      signer: Signer,
      byte?: number
    ) => {
      const mesh = parseMeshId(up.mesh)
      const signed = signMessage({ typ: FRAMES[kind].typ, mesh, payload, signer })
      return Buffer.concat([Uint8Array.of(byte ?? FRAMES[kind].byte), signed])
    }
    /** `{"v": 1}` with the one in two bytes. */
    const LONG_ONE = Uint8Array.of(0xa1, 0x61, 0x76, 0x18, 0x01)

    const cases: Readonly<Record<string, readonly [(signer: Signer) => Uint8Array, string]>> = {
      'a bad signature': [
        (signer) => flippedEnd(sealFrame(hello(signer), { mesh: parseMeshId(up.mesh), signer })),
        'contracts.signature_invalid'
      ],
      'a message of another typ': [
        (signer) => message('claim', encodeCanonical(beat.body), signer, FRAMES.heartbeat.byte),
        'contracts.typ_mismatch'
      ],
      "another mesh's id": [
        (signer) => sealFrame(hello(signer), { mesh: OTHER_MESH, signer }),
        'contracts.signature_invalid'
      ],
      "another peer's frame, replayed": [
        () => {
          const other = nodeSigner(seed(77))
          return sealFrame(hello(other), { mesh: parseMeshId(up.mesh), signer: other })
        },
        'contracts.signature_invalid'
      ],
      'CBOR that is not canonical': [
        (signer) => message('heartbeat', LONG_ONE, signer),
        'contracts.cbor_not_canonical'
      ],
      'a message of another shape': [
        (signer) => message('heartbeat', encodeCanonical({ v: 1 }), signer),
        'wire.message_malformed'
      ],
      'a kind that nobody knows': [() => Uint8Array.of(99, 1, 2, 3), 'wire.kind_unknown'],
      "a gateway's own frame": [
        (signer) => sealFrame(sample('ack'), { mesh: parseMeshId(up.mesh), signer }),
        'wire.kind_unknown'
      ],
      'no bytes at all': [() => new Uint8Array(0), 'wire.kind_unknown']
    }
    let fill = 120
    for (const [name, [frame, code]] of Object.entries(cases)) {
      it(`costs the peer its link: ${name}`, async () => {
        fill += 1
        const { link, signer, closed } = await hostile(fill)
        link.send(frame(signer))
        await until(closed, 'the link is closed')
        await until(
          () => up.run.err.includes(`refused ${signer.peerId}: ${code}`),
          `${code}: ${up.run.err}`
        )
      })
    }

    it('is refused by name where it speaks of a lease that is not its own, or says nothing first', async () => {
      const mesh = parseMeshId(up.mesh)
      const { link, signer } = await hostile(150)
      const failure = sample('failure')
      link.send(sealFrame(failure, { mesh, signer }))
      await until(
        () => up.run.err.includes(`refused ${signer.peerId}: gateway.hello_missing`),
        up.run.err
      )
      const again = await hostile(151)
      again.link.send(sealFrame(hello(again.signer), { mesh, signer: again.signer }))
      again.link.send(sealFrame(failure, { mesh, signer: again.signer }))
      await until(() => up.run.err.includes(`refused ${again.signer.peerId}: lease.`), up.run.err)
    })

    it('does not keep honest nodes from their work, nor does an endless hello', async () => {
      const mesh = parseMeshId(up.mesh)
      const { link, signer, closed } = await hostile(160)
      const frame = sealFrame(hello(signer), { mesh, signer })
      let isOver = false
      const flood = (async () => {
        while (!isOver && !closed()) {
          if (!link.send(frame)) await link.drained().catch(() => {})
          await new Promise((next) => setTimeout(next, 1))
        }
      })()
      const node = await commands.join(up, files.path('honest'))
      const words = [
        'run',
        files.path('loops.json'),
        ...files.inputWords([5, 6, 7]),
        '--data',
        data
      ]
      const document = ResultDocument.parse(await commands.json(...words))
      isOver = true
      await flood
      deepEqual([document.status, document.model_calls], ['completed', 3])
      const report = await commands.json('ledger', 'verify', '--data', data)
      equal(z.looseObject({ ok: z.boolean() }).parse(report).ok, true)
      node.run.child.kill('SIGTERM')
      equal((await node.run.ended()).code, EXIT.ok)
    })
  })

  describe('on the disk', () => {
    let sound: string
    let nodeSound: string
    before(async () => {
      sound = files.path('sound')
      nodeSound = files.path('node-sound')
      mkdirSync(sound)
      cpSync(join(data, 'models'), join(sound, 'models'), { recursive: true })
      const up = await commands.up(sound)
      const node = await commands.join(up, nodeSound)
      const words = ['run', files.path('loops.json'), ...files.inputWords([1, 2]), '--data', sound]
      await commands.json(...words)
      node.run.child.kill('SIGTERM')
      await node.run.ended()
      up.run.child.kill('SIGTERM')
      await up.run.ended()
    })

    /** A copy of a folder with one thing broken; gives the start's answer, and that it changed nothing. */
    async function broken(
      from: string,
      breakIt: (folder: string) => void,
      start: (folder: string) => Promise<Ended>
    ): Promise<Ended> {
      const folder = files.path('broken')
      rmSync(folder, { recursive: true, force: true })
      cpSync(from, folder, { recursive: true })
      breakIt(folder)
      const before = digests(folder)
      const answer = await start(folder)
      deepEqual(digests(folder), before)
      return answer
    }
    const upOf = (folder: string) => commands.ended('up', '--data', folder, '--json')
    const change = (name: string) => (folder: string) =>
      writeFileSync(join(folder, name), flipped(readFileSync(join(folder, name))))
    const cut = (name: string) => (folder: string) => truncateSync(join(folder, name), 20)
    const remove = (name: string) => (folder: string) =>
      rmSync(join(folder, name), { recursive: true })

    const CONTROL: Readonly<Record<string, readonly [(folder: string) => void, string]>> = {
      'its key is changed': [change('control.key'), 'control.not_sequencer'],
      'its key is cut': [cut('control.key'), 'control.key_lost'],
      'its key is gone': [remove('control.key'), 'control.key_lost'],
      'its genesis is changed': [change('genesis.cbor'), 'control.genesis_lost'],
      'its genesis is cut': [cut('genesis.cbor'), 'control.genesis_lost'],
      'its genesis is gone': [remove('genesis.cbor'), 'control.genesis_lost'],
      'its ledger is gone': [remove('ledger'), 'ledger.sequencer_store_lost'],
      'its ledger has lost its root': [remove('ledger/CURRENT'), 'ledger.sequencer_store_lost'],
      'its ledger names what is not there': [
        (folder) => writeFileSync(join(folder, 'ledger/CURRENT'), 'MANIFEST-999999\n'),
        'ledger.store_corrupted'
      ],
      'its ledger is changed': [changeTables, 'ledger.store_corrupted'],
      'its blobs are no folder': [
        (folder) => {
          remove('blobs')(folder)
          writeFileSync(join(folder, 'blobs'), 'a file')
        },
        'store.corrupted'
      ]
    }
    for (const [name, [breakIt, code]] of Object.entries(CONTROL)) {
      it(`keeps the control node from starting, with the way to repair it, where ${name}`, async () => {
        const answer = await broken(sound, breakIt, upOf)
        deepEqual([errorOf(answer).code, answer.code], [code, EXIT.unavailable], answer.err)
        equal(answer.out, '')
      })
    }

    const NODE: Readonly<Record<string, readonly [(folder: string) => void, string, number]>> = {
      'its key is cut': [cut('node.key'), 'identity.key_malformed', EXIT.unavailable],
      'its genesis is changed': [change('genesis.cbor'), 'store.corrupted', EXIT.unavailable],
      'its ledger is changed': [changeTables, 'ledger.store_corrupted', EXIT.unavailable],
      'its blobs are no folder': [
        (folder) => {
          remove('blobs')(folder)
          writeFileSync(join(folder, 'blobs'), 'a file')
        },
        'store.corrupted',
        EXIT.unavailable
      ]
    }
    for (const [name, [breakIt, code, exit]] of Object.entries(NODE)) {
      it(`keeps a node from starting, with the way to repair it, where ${name}`, async () => {
        const words = (folder: string) => [
          ...['start', '--json', '--mesh', join(sound, 'genesis.cbor')],
          ...['--data', folder, '--listen', LOOPBACK]
        ]
        const answer = await broken(nodeSound, breakIt, (folder) =>
          commands.node(words(folder)).ended()
        )
        deepEqual([errorOf(answer).code, answer.code], [code, exit], answer.err)
      })
    }

    it('starts again where it is put back', async () => {
      const folder = files.path('repaired')
      cpSync(sound, folder, { recursive: true })
      cpSync(join(nodeSound, 'genesis.cbor'), join(folder, 'genesis.cbor'))
      const up = await commands.up(folder)
      up.run.child.kill('SIGTERM')
      equal((await up.run.ended()).code, EXIT.ok)
    })

    it('is refused where it is full, and nothing is half-written', async function () {
      const disk = files.path('disk')
      mkdirSync(disk)
      // a full disk of its own takes the right to mount; the typed fault is held by blob-store.spec.ts
      if (!mounted(disk)) this.skip()
      try {
        const fill = join(disk, 'fill')
        writeFileSync(fill, Buffer.alloc(1024 * 1024 - 8192))
        const mesh = join(disk, 'mesh')
        const init = await commands.ended('init', '--data', mesh, '--json')
        if (init.code !== EXIT.ok) equal(errorOf(init).code, 'control.folder_unusable')
        deepEqual(partsIn(disk), [])
        rmSync(fill)
        rmSync(mesh, { recursive: true, force: true })
        await commands.json('init', '--data', mesh)
        writeToTheEnd(fill)
        const up = await commands.ended('up', '--data', mesh, '--json')
        deepEqual([errorOf(up).code, up.code], ['ledger.store_failed', EXIT.unavailable])
        const add = await commands.ended(...files.addWords(mesh), '--json')
        deepEqual([errorOf(add).code, add.code], ['store.disk_full', EXIT.unavailable])
        deepEqual(partsIn(disk), [])
        rmSync(fill)
        equal(
          z
            .looseObject({ sum_micro: z.number() })
            .parse(await commands.json('ledger', 'balance', '--data', mesh)).sum_micro,
          0
        )
      } finally {
        execFileSync('umount', [disk])
      }
    })
  })
})

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const middle = copy.length >> 1
  copy[middle] = (copy[middle] ?? 0) ^ 0x40
  return copy
}

function flippedEnd(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1
  return copy
}

/** A byte in the middle of every file in which LevelDB keeps entries. */
function changeTables(folder: string): void {
  for (const name of readdirSync(join(folder, 'ledger'))) {
    const path = join(folder, 'ledger', name)
    const bytes = readFileSync(path)
    if (/\.(ldb|log)$/.test(name) && bytes.length > 0) writeFileSync(path, flipped(bytes))
  }
}

/** Every file with its hash, but for LevelDB's own housekeeping, which an opening rewrites. */
function digests(folder: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || /\/ledger\//.test(path)) continue
    found[path.slice(folder.length)] = createHash('sha256').update(readFileSync(path)).digest('hex')
  }
  return found
}

const partsIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
        /\.part$|\/\.baf/.test(name)
      )
    : []

/** A disk of one megabyte; false where this user may make none. */
function mounted(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function writeToTheEnd(path: string): void {
  for (const step of [65_536, 4_096]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(step), { flag: 'a' })
    } catch {
      // the disk is full to that step
    }
  }
}
