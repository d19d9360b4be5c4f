/**
 * Graphs, recordings, pages and models that are wrong, as users give them to the commands: each refused
 * with a typed error that says what to do next, and nothing half-written. What else anybody can send
 * wrongly, and the test that holds it, is listed below; a test that is gone fails here.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { EXIT } from '#contracts'
import { flipped } from '../support/broken-bytes.ts'
import {
  type Commands,
  type Ended,
  errorOf,
  type LoopFiles,
  loopGraph,
  loopMesh,
  npy
} from '../support/kora-process.ts'
import type { Started } from '../support/mesh-hosts.ts'

const SessionError = z.looseObject({
  status: z.string(),
  error: z.object({ code: z.string(), detail: z.string() })
})

/** The rest of the bad input that anybody can send: file and title of a test that holds it. */
const ELSEWHERE: Readonly<Record<string, readonly [string, string]>> = {
  'every fault of a graph, each at its path': [
    'unit/read-graph',
    'lists faults of shape and of rules in one reading'
  ],
  'text that is no graph': ['vectors/graph-text', 'does not fall over'],
  'audio cut anywhere': ['unit/wav', 'refuses a file cut off anywhere'],
  'audio of any bytes': ['unit/wav', 'gives samples or a typed error on any bytes'],
  'images cut anywhere': ['unit/image', 'refuses a PNG or JPEG cut off anywhere'],
  'images of any bytes': ['unit/image', 'or a typed error on any bytes'],
  'image bombs': ['unit/image', 'refuses 30,000 × 30,000 pixels by the header, in no time'],
  'inputs that do not fit a model': [
    'integration/executors',
    'refuses inputs that do not fit the signature'
  ],
  'a model file that was changed on a node': ['unit/blob-store', 'puts a damaged blob aside'],
  'any byte of a message changed': ['unit/wire', 'is refused with any of its bytes changed'],
  'frames that are no messages, on live links': [
    'integration/gateway',
    'by name and closes the link'
  ],
  'the same from a gateway': [
    'integration/agent',
    'refuses frames that are not from its gateway or its mesh'
  ],
  'an expired lease': ['integration/bad-input-node', 'is told that its lease has expired'],
  "another node's lease": ['integration/bad-input-node', 'for the lease of another'],
  'a replayed result': ['integration/bad-input-node', 'is paid once for a result that it replays'],
  'a replayed hello': ['integration/bad-input-node', 'loses with a replayed hello'],
  'a frame over the limit': ['integration/bad-input-node', 'announces a frame over the limit'],
  'an output whose bytes do not match': [
    'integration/bad-input-node',
    'serves other bytes than its result says'
  ],
  'an input whose bytes do not match': [
    'integration/bad-input-gateway',
    'serves other bytes than were asked for'
  ],
  'an expired grant': ['integration/bad-input-gateway', 'never runs a lease that has expired'],
  'liars among peers': ['integration/blob-exchange', 'fails with the mismatch where only liars'],
  'a link cut in a frame': ['integration/network', 'names the cut when the peer ends'],
  'gossip of another mesh': ['unit/ledger-sync', 'malformed or signed for another mesh'],
  'unknown verbs and flags': ['integration/kora-cli', 'refuses a wrong command line'],
  'missing files': ['integration/kora-cli', 'refuses files and inputs that are not there'],
  'ports in use': ['integration/kora-cli', 'refuses ports that are taken'],
  'a locked store': ['integration/kora-cli', 'keeps the store to itself where its file is lost'],
  'no node able to run a unit': ['integration/kora-cli', 'says which rule refuses which node'],
  "the same at a node's command": ['integration/krako-node-cli', 'names the flag, the variable'],
  'broken folders': ['integration/bad-input-disk', 'with the way to repair it'],
  'broken stores, entry by entry': ['unit/ledger-store', 'is not opened, and says where'],
  'a damaged write-ahead log': ['unit/level-log', 'keeps a damaged store shut'],
  'disks that fill up': ['integration/disk-full', 'stops the control node']
}

describe('bad input', function () {
  this.timeout(180_000)
  let started: Started
  let commands: Commands
  let files: LoopFiles
  let data: string

  before(async () => {
    ;({ started, commands, files, data } = await loopMesh())
  })
  after(() => started.endAll())

  for (const [what, [file, title]] of Object.entries(ELSEWHERE)) {
    it(`is held elsewhere: ${what}`, () => {
      const text = readFileSync(`test/${file}.spec.ts`, 'utf8')
      const titles = [...text.matchAll(/\bit\(\s*(['"`])(.+?)\1,/g)].map(([, , found]) => found)
      ok(
        titles.some((found) => found?.includes(title)),
        `${file}: ${title}`
      )
    })
  }

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
})
