/**
 * What a page must serve, from its own origin, so that models can run in it: names of files in
 * onnxruntime-web's `dist`, and how a bundler is to take the package itself. Loads nothing.
 */

/** Plain WASM, and WASM that can wait for WebGPU: each with the code that starts it. */
export const RUNTIME_FILES: readonly string[] = [
  'ort-wasm-simd-threaded.mjs',
  'ort-wasm-simd-threaded.wasm',
  'ort-wasm-simd-threaded.asyncify.mjs',
  'ort-wasm-simd-threaded.asyncify.wasm'
]

/**
 * The condition under which the package leaves that code in files of its own. Bundled into a worker
 * of ours it would start threads from our worker's address.
 */
export const RUNTIME_CONDITION = 'onnxruntime-web-use-extern-wasm'
