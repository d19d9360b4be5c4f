/** The backend class: what decides whether equal bits may be expected. */
import { equal, match } from 'node:assert/strict'
import { nodeBackend } from '#mesh-node/exec'
import { instructionSet } from '../../mesh-node/exec/backend-class.ts'

describe('the backend class', () => {
  it('names the strongest instruction set that the runtime has kernels for', () => {
    equal(instructionSet('x64', 'flags\t\t: fpu avx avx2 avx512f avx512_vnni\n'), 'x64-avx512-vnni')
    equal(instructionSet('x64', 'flags\t\t: fpu avx avx2 fma\n'), 'x64-avx2')
    equal(instructionSet('arm64', 'Features\t: fp asimd asimddp\n'), 'arm64-neon-dot')
    equal(instructionSet('arm64', 'Features\t: fp asimd\n'), 'arm64-neon')
  })

  it('falls back to the architecture where nothing is known', () => {
    equal(instructionSet('x64', ''), 'x64')
    equal(instructionSet('arm64', ''), 'arm64-neon')
  })

  it('carries runtime, version, provider and optimisation level', () => {
    const backend = nodeBackend('cpu')
    equal(backend.runtime, 'onnxruntime-node')
    equal(backend.provider, 'cpu')
    match(backend.version, /^\d+\.\d+\.\d+$/)
    match(backend.device_class, /^opt-all\//)
  })
})
