/**
 * Writes the model and the rows of examples/any-onnx again: `node scripts/make-any-onnx.ts`.
 *
 * The model says which of three corners a point of the plane is nearest to: with the corners as c,
 * softmax(2 x·c − |c|²) is largest where |x − c| is smallest. The rows are 200 points on a spiral.
 */
import { writeFileSync } from 'node:fs'
import { buildOnnx, type OnnxConstant } from '../test/support/onnx-builder.ts'

const FOLDER = new URL('../examples/any-onnx/', import.meta.url)
const CORNERS = [
  [1, 0],
  [-0.5, 0.75],
  [-0.5, -0.75]
] as const
const POINTS = 200

const bytesOf = (numbers: readonly number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(numbers).buffer)

function constant(name: string, shape: readonly number[], numbers: readonly number[]) {
  return { name, dtype: 'float32', shape, data: bytesOf(numbers) } satisfies OnnxConstant
}

function model(): Uint8Array {
  const weights = [0, 1].flatMap((axis) => CORNERS.map((corner) => 2 * (corner[axis] ?? 0)))
  const bias = CORNERS.map(([x, y]) => -(x * x + y * y))
  return buildOnnx({
    nodes: [
      { op: 'MatMul', inputs: ['x', 'weights'], outputs: ['products'] },
      { op: 'Add', inputs: ['products', 'bias'], outputs: ['scores'] },
      { op: 'Softmax', inputs: ['scores'], outputs: ['y'] }
    ],
    inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['n', 3] }],
    constants: [constant('weights', [2, 3], weights), constant('bias', [3], bias)]
  })
}

/** As numpy.save writes float32 rows (format 1.0): the header ends at a multiple of 64 bytes. */
function npy(rows: number, columns: number, numbers: readonly number[]): Uint8Array {
  const head = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`
  const padded = `${head.padEnd(117, ' ')}\n`
  const magic = Uint8Array.of(0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length, 0)
  return new Uint8Array(Buffer.concat([magic, Buffer.from(padded), bytesOf(numbers)]))
}

function spiral(): number[] {
  return Array.from({ length: POINTS }, (_, place) => {
    const turn = (place / POINTS) * 6 * Math.PI
    const radius = (1.5 * place) / POINTS
    return [radius * Math.cos(turn), radius * Math.sin(turn)]
  }).flat()
}

writeFileSync(new URL('nearest-corner.onnx', FOLDER), model())
writeFileSync(new URL('points.npy', FOLDER), npy(POINTS, 2, spiral()))
