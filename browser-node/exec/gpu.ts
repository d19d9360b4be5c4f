/**
 * The WebGPU adapter of this device: whether there is one, what it is called, and when its device is
 * lost. Names the class of results; measures nothing.
 */
import { MeshError } from '#contracts'

interface Gpu {
  requestAdapter(): Promise<{
    readonly info: {
      readonly vendor: string
      readonly architecture: string
      readonly isFallbackAdapter?: boolean
    }
  } | null>
}

interface Device {
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>
}

export interface Adapter {
  /** Vendor, architecture and browser: drivers and shader compilers decide bits too. */
  readonly family: string
  readonly isSoftware: boolean
}

/** Names that browsers give to adapters which are programs. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|warp/i

const isGpu = (value: unknown): value is Gpu =>
  typeof value === 'object' && value !== null && 'requestAdapter' in value

const isDevice = (value: unknown): value is Device =>
  typeof value === 'object' && value !== null && 'lost' in value

/** Throws `executor.no_backend` with the reason where there is none. */
export async function findAdapter(): Promise<Adapter> {
  const gpu: unknown = Reflect.get(navigator, 'gpu')
  if (!isGpu(gpu)) throw unavailable('this browser has no WebGPU here')
  const adapter = await gpu.requestAdapter().catch((error: unknown) => {
    throw unavailable(error instanceof Error ? error.message : String(error))
  })
  if (adapter === null) throw unavailable('WebGPU finds no adapter')
  const { vendor, architecture, isFallbackAdapter = false } = adapter.info
  const name = [vendor, architecture].filter((part) => part !== '').join('-')
  return {
    family: `${name === '' ? 'unnamed' : name}/${browserName(navigator.userAgent)}`,
    isSoftware: isFallbackAdapter || SOFTWARE.test(name)
  }
}

const unavailable = (reason: string): MeshError =>
  new MeshError('executor.no_backend', { provider: 'webgpu', reason: reason.slice(0, 200) })

/** Engine and major version. */
export function browserName(userAgent: string): string {
  const chromium = /(?:Chrome|Chromium)\/(\d+)/.exec(userAgent)?.[1]
  if (chromium !== undefined) return `chromium-${chromium}`
  const firefox = /Firefox\/(\d+)/.exec(userAgent)?.[1]
  if (firefox !== undefined) return `firefox-${firefox}`
  const safari = /Version\/(\d+).*Safari/.exec(userAgent)?.[1]
  return safari === undefined ? 'browser' : `safari-${safari}`
}

/** Calls back once when the device that the runtime holds is lost, however that comes about. */
export async function onDeviceLost(
  webgpu: object,
  callback: (reason: string) => void
): Promise<void> {
  const device: unknown = await Reflect.get(webgpu, 'device')
  if (!isDevice(device)) return
  const { reason, message } = await device.lost
  callback(`${reason}: ${message}`.slice(0, 200))
}
