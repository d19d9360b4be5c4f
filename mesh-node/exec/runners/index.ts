/**
 * The door to the runners, for whatever has an ONNX Runtime: they hold no process, path or page. Kept
 * from `#mesh-node/portable`, because a tokenizer's table has no place in a page's first load.
 */
export {
  checkInputNames,
  type LoadedModel,
  type ModelFile,
  type ModelFiles,
  modelFile,
  type OnProgress,
  type RunLimits,
  type Runner,
  type RunOutcome
} from './runner.ts'
export {
  type OrtModule,
  type OrtSession,
  type Port,
  type Runtime,
  type RuntimeTensor,
  runtimeOf,
  type TensorData
} from './runtime.ts'
export { encodeOutputs, progressReporter } from './serving.ts'
export { RUNNERS_BY_NAME } from './table.ts'
