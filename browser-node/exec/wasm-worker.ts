/** The executor worker for WASM: the plain build, which needs half the time of WebGPU's for speech. */
import { serve } from './executor.ts'

serve({
  provider: 'wasm',
  loadRuntime: () => import('onnxruntime-web/wasm'),
  survey: () => Promise.resolve({ family: 'wasm-simd128', isSoftware: false })
})
