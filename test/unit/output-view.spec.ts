/** Outputs as JSON and as files: nothing is lost, and no name leaves its folder. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { float32Tensor, Tensor } from '#contracts'
import { runHandler } from '../../control/handlers/index.ts'
import { outputFiles, outputView } from '../../control/session/output-view.ts'

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes)

describe('outputs', () => {
  it('show the numbers of small tensors, and what JSON has no word for', () => {
    deepEqual(outputView(float32Tensor([2, 2], [1, 2, Number.NaN, Number.POSITIVE_INFINITY])), {
      dtype: 'float32',
      shape: [2, 2],
      data: [1, 2, 'NaN', 'Infinity']
    })
  })

  it('name large tensors by dtype and shape', () => {
    const large = new Tensor('uint8', [5_000], new Uint8Array(5_000))
    deepEqual(outputView({ x: large }), { x: { dtype: 'uint8', shape: [5_000] } })
  })

  it('become .npy files that read back as the same tensor', () => {
    for (const shape of [[6], [2, 3], [1, 6, 1], []]) {
      const count = shape.reduce((product, size) => product * size, 1)
      const tensor = float32Tensor(
        shape,
        Float32Array.from({ length: count }, (_, index) => index / 7)
      )
      const [file] = outputFiles({ y: tensor })
      equal(file?.name, 'y.npy')
      ok(file !== undefined && (file.bytes.length - tensor.data.length) % 64 === 0)
      const read = runHandler('tensor.load', { file: file.bytes, format: 'npy' })
      deepEqual(read, new Tensor('float32', shape, tensor.data))
    }
  })

  it('put tensors and bytes inside of maps and lists beside the JSON', () => {
    const files = outputFiles({
      page: { parts: [float32Tensor([1], [4]), 'a'], raw: Uint8Array.of(7) }
    })
    deepEqual(
      files.map(({ name }) => name),
      ['page.json', 'page.parts.0.npy', 'page.raw.bin']
    )
    ok(text(files[0]?.bytes).includes('"a"'))
    deepEqual(files[2]?.bytes, Uint8Array.of(7))
  })

  it('never leave the folder by a name', () => {
    for (const name of ['../../etc/passwd', '/abs', '..', 'a\0b', '']) {
      const [file] = outputFiles({ [name]: 1 })
      ok(/^[A-Za-z0-9_-]+\.json$/.test(file?.name ?? ''), name)
    }
  })
})
