/**
 * Writes small ONNX models by hand, so that tests have models that misbehave on purpose. Knows the
 * protobuf wire format and the few messages of onnx.proto3 (ONNX 1.17) that such models need.
 */
import { DTYPE_BYTES, type Dtype } from '#contracts'

/** onnx.TensorProto.DataType */
export const ONNX_DTYPES: Readonly<Record<Dtype, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = BigInt(value)
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  return [...bytes, Number(rest)]
}

const integer = (field: number, value: number): number[] => [
  ...varint(field << 3),
  ...varint(value)
]
const message = (field: number, body: readonly number[]): number[] => [
  ...varint((field << 3) | 2),
  ...varint(body.length),
  ...body
]
const text = (field: number, value: string): number[] =>
  message(field, [...new TextEncoder().encode(value)])

export interface OnnxPort {
  readonly name: string
  readonly dtype: Dtype
  /** A number is a fixed size, a text a named open one. */
  readonly shape: readonly (number | string)[]
  readonly isSequence?: boolean
}

export interface OnnxNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly body?: OnnxGraph
}

export interface OnnxConstant {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[]
  readonly inputs: readonly OnnxPort[]
  readonly outputs: readonly OnnxPort[]
  readonly constants?: readonly OnnxConstant[]
}

function portBytes(port: OnnxPort): number[] {
  const dims = port.shape.flatMap((size) =>
    message(1, typeof size === 'number' ? integer(1, size) : text(2, size))
  )
  const tensor = [...integer(1, ONNX_DTYPES[port.dtype]), ...message(2, dims)]
  const type =
    port.isSequence === true ? message(4, message(1, message(1, tensor))) : message(1, tensor)
  return [...text(1, port.name), ...message(2, type)]
}

function nodeBytes(node: OnnxNode): number[] {
  const body = node.body
  const attribute =
    body === undefined
      ? []
      : message(5, [...text(1, 'body'), ...message(6, graphBytes(body)), ...integer(20, 5)])
  return [
    ...node.inputs.flatMap((name) => text(1, name)),
    ...node.outputs.flatMap((name) => text(2, name)),
    ...text(4, node.op),
    ...attribute
  ]
}

function constantBytes(constant: OnnxConstant): number[] {
  const elements = constant.shape.reduce((product, size) => product * size, 1)
  if (constant.data.length !== elements * DTYPE_BYTES[constant.dtype]) throw new Error('length')
  return [
    ...constant.shape.flatMap((size) => integer(1, size)),
    ...integer(2, ONNX_DTYPES[constant.dtype]),
    ...text(8, constant.name),
    ...message(9, [...constant.data])
  ]
}

function graphBytes(graph: OnnxGraph): number[] {
  return [
    ...graph.nodes.flatMap((node) => message(1, nodeBytes(node))),
    ...text(2, 'graph'),
    ...(graph.constants ?? []).flatMap((constant) => message(5, constantBytes(constant))),
    ...graph.inputs.flatMap((port) => message(11, portBytes(port))),
    ...graph.outputs.flatMap((port) => message(12, portBytes(port)))
  ]
}

/** The bytes of an ONNX file with this graph. */
export function buildOnnx(graph: OnnxGraph): Uint8Array {
  const opset = [...text(1, ''), ...integer(2, 17)]
  return Uint8Array.from([...integer(1, 8), ...message(8, opset), ...message(7, graphBytes(graph))])
}

const floats = (name: string, ...shape: (number | string)[]): OnnxPort => ({
  name,
  dtype: 'float32',
  shape
})

/** y = x + x over float32 [n, 3]. */
export const doublingModel = (): Uint8Array =>
  buildOnnx({
    nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
    inputs: [floats('x', 'n', 3)],
    outputs: [floats('y', 'n', 3)]
  })

/** Doubles `carried` in every turn of a loop whose condition stays true. */
const doublingLoop = (turns: string): OnnxNode => ({
  op: 'Loop',
  inputs: [turns, 'always', 'x'],
  outputs: ['y'],
  body: {
    nodes: [
      { op: 'Identity', inputs: ['going'], outputs: ['going_on'] },
      { op: 'Add', inputs: ['carried', 'carried'], outputs: ['carried_on'] }
    ],
    inputs: [
      { name: 'step', dtype: 'int64', shape: [] },
      { name: 'going', dtype: 'bool', shape: [] },
      floats('carried', 1)
    ],
    outputs: [{ name: 'going_on', dtype: 'bool', shape: [] }, floats('carried_on', 1)]
  }
})
const ALWAYS: OnnxConstant = { name: 'always', dtype: 'bool', shape: [], data: Uint8Array.of(1) }

/** A loop whose condition is always true: it never ends and takes no memory. */
export const endlessModel = (): Uint8Array =>
  buildOnnx({
    nodes: [doublingLoop('')],
    inputs: [floats('x', 1)],
    outputs: [floats('y', 1)],
    constants: [ALWAYS]
  })

/** y = x times two, as often as `turns` says: it takes as long as its input wants. */
export const loopingModel = (length = 1): Uint8Array =>
  buildOnnx({
    nodes: [doublingLoop('turns')],
    inputs: [{ name: 'turns', dtype: 'int64', shape: [1] }, floats('x', length)],
    outputs: [floats('y', length)],
    constants: [ALWAYS]
  })

/** Fills as many bytes as its input says, four at a time, and sums them up. */
export const hungryModel = (): Uint8Array =>
  buildOnnx({
    nodes: [
      { op: 'ConstantOfShape', inputs: ['size'], outputs: ['zeros'] },
      { op: 'Exp', inputs: ['zeros'], outputs: ['ones'] },
      { op: 'ReduceSum', inputs: ['ones'], outputs: ['y'] }
    ],
    inputs: [{ name: 'size', dtype: 'int64', shape: [1] }],
    outputs: [floats('y', 1)]
  })

/** Gives a sequence of tensors, which has no place among values. */
export const sequenceModel = (): Uint8Array =>
  buildOnnx({
    nodes: [{ op: 'SequenceConstruct', inputs: ['x', 'x'], outputs: ['y'] }],
    inputs: [floats('x', 1)],
    outputs: [{ name: 'y', dtype: 'float32', shape: [1], isSequence: true }]
  })
