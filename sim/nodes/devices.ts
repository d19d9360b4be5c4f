/**
 * What kinds of machines a mesh is made of, and what runs of a real model take on each: drawn for every
 * run from what was measured. The class `webgpu` was not measured, and is an assumption by one factor.
 */
import { assert, type Backend } from '#contracts'
import type { Chance } from '../kernel/chance.ts'
import type { Devices } from './keys.ts'
import { SERVICE_US } from './service-times.data.ts'

export type DeviceClass = 'native' | 'wasm' | 'webgpu'

/** ASSUMED: a donor's adapter does a run in a third of the time of one core. None was at hand. */
const WEBGPU_FASTER = 3
const US_PER_MS = 1_000

/** As nodes name their backends: two leases of a unit go to one class, since others differ in bits. */
export const BACKENDS: Readonly<Record<DeviceClass, Backend>> = {
  native: backendOf('cpu'),
  wasm: backendOf('wasm'),
  webgpu: backendOf('webgpu')
}

function backendOf(provider: string): Backend {
  return { runtime: 'simulated', version: '1', provider, device_class: 'x64' }
}

/** A machine of one class: each of its runs takes another time. */
export class Device {
  readonly kind: DeviceClass
  readonly #quantilesUs: readonly number[]
  readonly #faster: number
  readonly #chance: Chance

  constructor(devices: Devices, chance: Chance) {
    this.kind = drawKind(devices, chance)
    const tables = SERVICE_US[devices.model]
    this.#quantilesUs = this.kind === 'wasm' ? tables.wasm : tables.native
    this.#faster = this.kind === 'webgpu' ? WEBGPU_FASTER : 1
    this.#chance = chance
  }

  /** Whole milliseconds, as a node's usage is: a run is never shorter than one. */
  nextMs(): number {
    const us = this.#quantilesUs[this.#chance.below(this.#quantilesUs.length)]
    assert(us !== undefined, 'a table has quantiles')
    return Math.max(1, Math.round(us / this.#faster / US_PER_MS))
  }
}

/** What the model is priced at: the middle of its runs on one core. */
export function medianMs({ model }: Devices): number {
  const { native } = SERVICE_US[model]
  return Math.max(1, Math.round((native[native.length >> 1] ?? 0) / US_PER_MS))
}

function drawKind({ native, wasm }: Devices, chance: Chance): DeviceClass {
  const draw = chance.below(1_000)
  if (draw < native) return 'native'
  return draw < native + wasm ? 'wasm' : 'webgpu'
}
