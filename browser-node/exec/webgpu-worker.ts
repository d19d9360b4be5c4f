/** The executor worker for WebGPU: the runtime's native provider. */
import { serve } from './executor.ts'
import { findAdapter } from './gpu.ts'

serve({
  provider: 'webgpu',
  loadRuntime: () => import('onnxruntime-web/webgpu'),
  survey: findAdapter
})
