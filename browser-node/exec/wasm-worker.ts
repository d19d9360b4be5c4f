/** The executor worker for WASM: the plain build, which runs twice as fast as the one for WebGPU. */
import { serve } from './executor.ts'

serve({
  provider: 'wasm',
  loadRuntime: () => import('onnxruntime-web/wasm'),
  survey: () => Promise.resolve({ family: 'wasm-simd128', isSoftware: false })
})
