/** The deterministic handlers: strict arguments, equal results for equal inputs, and what each does. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import fc from 'fast-check'
import {
  encodeValue,
  float32Tensor,
  isValueMap,
  Tensor,
  type Value,
  type ValueMap
} from '#contracts'
import { HANDLER_DEFAULTS, HANDLERS, runHandler } from '../../control/handlers/index.ts'
import { code } from '../support/expect-code.ts'

const WINDOW = 512

function mapOf(value: Value): ValueMap {
  ok(isValueMap(value))
  return value
}

/** Samples and probabilities for spans of speech, in windows. */
function speech(windows: number, spans: readonly [number, number][]): ValueMap {
  const probabilities = new Float32Array(windows).fill(0.02)
  for (const [from, to] of spans) probabilities.fill(0.95, from, to)
  return {
    samples: float32Tensor([1, windows * WINDOW], new Float32Array(windows * WINDOW)),
    probabilities: float32Tensor([windows], probabilities)
  }
}

function chunks(args: ValueMap): { start_ms: number; end_ms: number }[] {
  const result = mapOf(runHandler('audio.segment-speech', args))
  const list = result['chunks']
  ok(Array.isArray(list))
  return list
}

function picture(width: number, height: number): Tensor {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, index) => index % 251)
  return new Tensor('uint8', [height, width, 3], data)
}

describe('handlers', () => {
  it('have a version and a summary each', () => {
    for (const [name, handler] of Object.entries(HANDLERS)) {
      ok(Number.isInteger(handler.version) && handler.version > 0, name)
      ok(handler.summary.includes('→'), name)
    }
  })

  it('refuse unknown names, unknown keys, missing keys and what is no map', () => {
    throws(() => runHandler('audio.dance', {}), code('handler.unknown'))
    throws(() => runHandler('constructor', {}), code('handler.unknown'))
    for (const name of Object.keys(HANDLERS).filter((key) => key !== 'value.echo')) {
      throws(() => runHandler(name, { nobody: 1 }), code('handler.arguments_invalid'), name)
      throws(() => runHandler(name, {}), code('handler.arguments_invalid'), name)
      throws(() => runHandler(name, [1]), code('handler.arguments_invalid'), name)
      throws(() => runHandler(name, null), code('handler.arguments_invalid'), name)
    }
  })
})

describe('speech segmentation', () => {
  it('yields no chunk on silence', () => {
    const result = mapOf(runHandler('audio.segment-speech', speech(300, [])))
    deepEqual(result, { chunks: [], audio: [], speech_ms: 0 })
  })

  it('pads speech and cuts the samples out', () => {
    const args = speech(300, [[100, 160]])
    deepEqual(chunks(args), [{ start_ms: 2_800, end_ms: 5_520 }])
    const result = mapOf(runHandler('audio.segment-speech', args))
    const [audio] = Array.isArray(result['audio']) ? result['audio'] : []
    ok(audio instanceof Tensor)
    deepEqual(audio.shape, [1, (5_520 - 2_800) * 16])
  })

  it('drops clicks and bridges short pauses', () => {
    deepEqual(chunks(speech(300, [[100, 104]])), [])
    equal(
      chunks(
        speech(300, [
          [100, 120],
          [124, 160]
        ])
      ).length,
      1
    )
  })

  it('joins phrases less than a second apart and parts the others', () => {
    equal(
      chunks(
        speech(400, [
          [50, 100],
          [125, 180]
        ])
      ).length,
      1
    )
    equal(
      chunks(
        speech(400, [
          [50, 100],
          [140, 180]
        ])
      ).length,
      2
    )
  })

  it('cuts long speech at its quietest window', () => {
    const args = speech(1_000, [[0, 1_000]])
    const tensor = args['probabilities']
    ok(tensor instanceof Tensor)
    new Float32Array(tensor.data.buffer)[400] = 0.6
    const found = chunks(args)
    ok(found.length >= 3)
    equal(found[0]?.end_ms, 400 * 32)
    ok(found.every(({ start_ms, end_ms }) => end_ms - start_ms <= 15_000))
  })

  it('takes probabilities of blocks, one tensor or model output each', () => {
    const { samples, probabilities } = speech(8, [])
    ok(probabilities instanceof Tensor)
    const half = (from: number): Tensor =>
      new Tensor('float32', [4], probabilities.data.slice(from * 4, from * 4 + 16))
    const args = { samples: samples ?? null, probabilities: [half(0), { probabilities: half(4) }] }
    deepEqual(chunks(args), [])
    throws(
      () => runHandler('audio.segment-speech', { ...args, probabilities: half(0) }),
      code('handler.arguments_invalid')
    )
  })

  it('gives chunks in order, apart, within the sound and the longest length, on any speech', () => {
    const numbers = fc.array(fc.float({ min: 0, max: 1, noNaN: true }), {
      minLength: 1,
      maxLength: 700
    })
    fc.assert(
      fc.property(numbers, (probabilities) => {
        const windows = probabilities.length
        const found = chunks({
          samples: float32Tensor([1, windows * WINDOW], new Float32Array(windows * WINDOW)),
          probabilities: float32Tensor([windows], probabilities)
        })
        let last = 0
        for (const { start_ms, end_ms } of found) {
          if (start_ms < last || end_ms <= start_ms || end_ms - start_ms > 15_001) return false
          last = end_ms
        }
        return last <= windows * 32
      })
    )
  })

  it('blocks join again to the whole', () => {
    const samples = Float32Array.from({ length: 1_000_000 }, (_, index) => index % 97)
    const args = { samples: float32Tensor([1, samples.length], samples) }
    const result = mapOf(runHandler('audio.blocks', args))
    const blocks = result['blocks']
    ok(Array.isArray(blocks))
    deepEqual(result['starts_ms'], [0, 29_984, 59_968])
    const joined = Buffer.concat(
      blocks.map((block) => (block instanceof Tensor ? block.data : new Uint8Array(0)))
    )
    deepEqual(new Uint8Array(joined), new Uint8Array(samples.buffer))
  })
})

describe('joining', () => {
  it('joins chunk texts with their times', () => {
    const args = {
      chunks: [
        { start_ms: 0, end_ms: 10 },
        { start_ms: 20, end_ms: 30 }
      ],
      texts: [{ text: ' Hello  there ' }, 'again']
    }
    deepEqual(runHandler('transcript.join', args), {
      text: 'Hello there again',
      segments: [
        { start_ms: 0, end_ms: 10, text: 'Hello there' },
        { start_ms: 20, end_ms: 30, text: 'again' }
      ]
    })
    deepEqual(runHandler('transcript.join', { chunks: [], texts: [] }), { text: '', segments: [] })
    throws(
      () => runHandler('transcript.join', { ...args, texts: ['one'] }),
      code('handler.arguments_invalid')
    )
  })

  it('puts boxes in reading order and cuts the lines out', () => {
    const image = picture(100, 60)
    const boxes = [
      [50, 31, 90, 40, 0.9],
      [5, 5, 60, 20, 0.8],
      [5, 30, 40, 42, 0.7]
    ]
    const result = mapOf(runHandler('page.lines', { image, boxes }))
    deepEqual(result['boxes'], [boxes[1], boxes[2], boxes[0]])
    const [line] = Array.isArray(result['lines']) ? result['lines'] : []
    ok(line instanceof Tensor)
    deepEqual(line.shape, [15, 55, 3])
    deepEqual(line.data.slice(0, 3), image.data.slice((5 * 100 + 5) * 3, (5 * 100 + 5) * 3 + 3))
  })

  it('refuses boxes outside the picture, turned around, or too many', () => {
    const image = picture(20, 20)
    for (const box of [
      [0, 0, 21, 5, 1],
      [5, 0, 5, 5, 1],
      [0.5, 0, 5, 5, 1],
      [0, 0, 5, 5, 2],
      [0, 0]
    ]) {
      throws(
        () => runHandler('page.lines', { image, boxes: [box] }),
        code('handler.arguments_invalid')
      )
    }
    const context = { ...HANDLER_DEFAULTS, pageLinesMax: 1 }
    const boxes = [
      [0, 0, 5, 5, 1],
      [6, 0, 9, 5, 1]
    ]
    throws(() => runHandler('page.lines', { image, boxes }, context), code('page.too_many_lines'))
  })

  it('turns only lines that surely stand on their head', () => {
    const line = new Tensor('uint8', [1, 2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6))
    const turn = (angle: number, score: number): Value =>
      mapOf(runHandler('page.turn', { lines: [line], directions: [{ angle, score }] }))['lines'] ??
      null
    const turned = new Tensor('uint8', [1, 2, 3], Uint8Array.of(4, 5, 6, 1, 2, 3))
    deepEqual(turn(180, 0.99), [turned])
    deepEqual(turn(180, 0.6), [line])
    deepEqual(turn(0, 1), [line])
  })

  it('joins line texts by rows and leaves out what is unsure', () => {
    const boxes = [
      [0, 0, 10, 10, 0.9],
      [20, 1, 30, 11, 0.9],
      [0, 20, 10, 30, 0.9]
    ]
    const texts = [
      { text: 'left', score: 0.9 },
      { text: 'right', score: 0.8 },
      { text: '~', score: 0.2 }
    ]
    deepEqual(runHandler('page.join', { boxes, texts }), {
      text: 'left right',
      lines: [
        { text: 'left', score: 0.9, box: [0, 0, 10, 10] },
        { text: 'right', score: 0.8, box: [20, 1, 30, 11] }
      ]
    })
  })
})

describe('tensors and lists', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

  it('loads tensors from JSON and raw bytes', () => {
    const json = { file: bytes('[[1, 2.5], [3, 4]]'), format: 'json' }
    deepEqual(runHandler('tensor.load', json), float32Tensor([2, 2], [1, 2.5, 3, 4]))
    const raw = { file: Uint8Array.of(1, 0, 2, 0), format: 'raw', dtype: 'int16', shape: [2] }
    deepEqual(runHandler('tensor.load', raw), new Tensor('int16', [2], Uint8Array.of(1, 0, 2, 0)))
    const flags = { file: bytes('[true, false]'), format: 'json', dtype: 'bool' }
    deepEqual(runHandler('tensor.load', flags), new Tensor('bool', [2], Uint8Array.of(1, 0)))
  })

  it('refuses ragged lists, wrong numbers and lengths that do not fit', () => {
    for (const text of [
      '[[1], [2, 3]]',
      '[1, [2]]',
      '[[1], 2]',
      '["a"]',
      '{"a": 1}',
      '[1',
      '[null]'
    ]) {
      throws(
        () => runHandler('tensor.load', { file: bytes(text), format: 'json' }),
        code('tensor.malformed'),
        text
      )
    }
    for (const text of ['[256]', '[-1]', '[0.5]']) {
      const args = { file: bytes(text), format: 'json', dtype: 'uint8' }
      throws(() => runHandler('tensor.load', args), code('tensor.malformed'), text)
    }
    const short = { file: new Uint8Array(3), format: 'raw', dtype: 'float32', shape: [1] }
    throws(() => runHandler('tensor.load', short), code('contracts.tensor_malformed'))
    const deep = `${'['.repeat(40)}${']'.repeat(40)}`
    throws(
      () => runHandler('tensor.load', { file: bytes(deep), format: 'json' }),
      code('tensor.malformed')
    )
  })

  it('cuts a tensor into batches that join to the same tensor', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.integer({ min: 1, max: 9 }), (rows, size) => {
        const tensor = float32Tensor(
          [rows + 1, 2],
          Float32Array.from({ length: 2 * rows + 2 }, (_, i) => i)
        )
        const tensors = runHandler('tensor.batch', { tensor, size })
        ok(Array.isArray(tensors))
        equal(tensors.length, Math.ceil((rows + 1) / size))
        deepEqual(runHandler('tensor.concat', { tensors }), tensor)
        const outputs = tensors.map((y) => ({ y }))
        deepEqual(runHandler('tensor.concat', { tensors: outputs, key: 'y' }), tensor)
      })
    )
  })

  it('joins only tensors that fit together', () => {
    const tensors = [float32Tensor([1, 2], [1, 2]), float32Tensor([1, 3], [1, 2, 3])]
    throws(() => runHandler('tensor.concat', { tensors }), code('tensor.mismatch'))
    throws(() => runHandler('tensor.concat', { tensors: [] }), code('handler.arguments_invalid'))
  })

  it('picks, joins and counts', () => {
    const from = { a: [{ 'b/c': 7 }] }
    equal(runHandler('json.pick', { from, pointer: '/a/0/b~1c' }), 7)
    deepEqual(runHandler('json.pick', { from, pointer: '' }), from)
    for (const pointer of ['/a/1', '/a/-', '/a/00', '/b', 'a', '/a/0/toString']) {
      throws(() => runHandler('json.pick', { from, pointer }), code('handler.arguments_invalid'))
    }
    deepEqual(runHandler('list.concat', { lists: [[1], [2, 3], []] }), [1, 2, 3])
    deepEqual(runHandler('list.concat', { lists: [{ x: [1] }, { x: [2] }], key: 'x' }), [1, 2])
    equal(runHandler('list.length', { list: [1, 2] }), 2)
    deepEqual(runHandler('list.pick', { list: [{ t: 1 }, { t: 2 }], pointer: '/t' }), [1, 2])
  })

  it('gives equal bytes for equal arguments', () => {
    const args = speech(300, [[100, 160]])
    const first = encodeValue(runHandler('audio.segment-speech', args))
    deepEqual(encodeValue(runHandler('audio.segment-speech', args)), first)
  })
})
