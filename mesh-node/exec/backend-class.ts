/**
 * Names the class of results that this machine makes: runtime version, provider, optimisation level
 * and instruction set. Results of one class are expected to agree to the bit, and of others only
 * within bounds.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { assert, type Backend } from '#contracts'
import type { Provider } from './protocol.ts'

/** Graph optimisation changes the last bits, so it is part of the class. */
export const OPTIMISATION_LEVEL = 'all'

/** Instruction sets for which ONNX Runtime has kernels of their own, strongest first. */
const X64_FAMILIES = [
  ['amx_int8', 'amx'],
  ['avx512_vnni', 'avx512-vnni'],
  ['avx512f', 'avx512'],
  ['avx_vnni', 'avx2-vnni'],
  ['avx2', 'avx2'],
  ['avx', 'avx']
] as const
const ARM64_FAMILIES = [
  ['i8mm', 'neon-i8mm'],
  ['asimddp', 'neon-dot']
] as const

/** The family that /proc/cpuinfo's flags name; plain architecture where there is no such file. */
export function instructionSet(architecture: string, cpuinfo: string): string {
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? ''
  const flags = new Set(line.split(' '))
  const families = architecture === 'arm64' ? ARM64_FAMILIES : X64_FAMILIES
  const family = families.find(([flag]) => flags.has(flag))?.[1]
  if (family !== undefined) return `${architecture}-${family}`
  return architecture === 'arm64' ? 'arm64-neon' : architecture
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}

function runtimeVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('onnxruntime-node/package.json')
  const isNamed = typeof manifest === 'object' && manifest !== null && 'version' in manifest
  assert(isNamed && typeof manifest.version === 'string', 'onnxruntime-node has a version')
  return manifest.version
}

/** The backend of this machine; loads no native code. */
export function nodeBackend(provider: Provider): Backend {
  const family = instructionSet(process.arch, readCpuinfo())
  return {
    runtime: 'onnxruntime-node',
    version: runtimeVersion(),
    provider,
    device_class: `opt-${OPTIMISATION_LEVEL}/${family}`
  }
}
