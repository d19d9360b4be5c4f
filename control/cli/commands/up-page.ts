/**
 * The donate page as `kora up` has it: where it and the listeners for tabs stand by default, what the
 * operator is told, and the link as a picture. A page that cannot be had stops no control node.
 */
import { renderUnicodeCompact } from 'uqr'
import { MeshError, type Signer } from '#contracts'
import type { Io } from '#mesh-node/cli'
import type { ControlNode } from '../../drivers/control-node.ts'
import { type DonatePage, isLoopbackHost, openDonatePage } from '../../drivers/donate-page.ts'
import { keepPurpose, purposeOf } from '../../drivers/kept-purpose.ts'
import { openOrCreateMeshFolder } from '../../drivers/mesh-folder.ts'
import { choosePorts, keepPorts } from '../../drivers/page-ports.ts'
import type { ControlSettings, PageSettings } from './control-options.ts'

export interface PagePlan {
  /** Null: no page. */
  readonly page:
    | (PageSettings & {
        readonly port: number
        readonly purpose: string
        /** Signs what the page says of the mesh. */
        readonly signer: Signer
      })
    | null
  readonly listen: readonly string[]
  /** Remembers ports and purpose; not before the folder was found sound. */
  readonly keep: () => void
}

/**
 * Where to listen. By default on loopback, as the page does: for nodes on TCP, for tabs on WebSockets
 * and WebRTC. With the page on the network, so are they.
 */
export async function planPage(settings: ControlSettings, io: Io): Promise<PagePlan> {
  const { page, listen, listenIsGiven } = settings
  if (!page.isOn) return { page: null, listen, keep: () => {} }
  // the ports are remembered beside the mesh whose links name them
  const { folder, signer } = openOrCreateMeshFolder(settings.data, Date.now())
  const host = isLoopbackHost(page.host) ? '127.0.0.1' : '0.0.0.0'
  const ports = await choosePorts(folder, host)
  if (ports.moved && (page.port === null || !listenIsGiven)) {
    io.err('the usual ports are taken by another program: donate links of before lead nowhere now')
  }
  const forTabs = [
    `/ip4/${host}/tcp/0`,
    `/ip4/${host}/tcp/${ports.peers}/ws`,
    `/ip4/${host}/udp/${ports.peers}/webrtc-direct`
  ]
  const purpose = purposeOf(folder, page.purpose)
  return {
    page: { ...page, purpose, port: page.port ?? ports.page, signer },
    listen: listenIsGiven ? listen : forTabs,
    keep: () => {
      keepPorts(folder, ports)
      if (page.purpose !== null) keepPurpose(folder, purpose)
    }
  }
}

/** The page, or null with the reason said: whoever runs graphs here needs none. */
export async function openUpPage(
  { page: settings }: PagePlan,
  node: ControlNode,
  io: Io
): Promise<DonatePage | null> {
  if (settings === null) return null
  const { host, port, tls, url, purpose, signer } = settings
  const { genesis, models } = node
  const ports = { genesis, models, signer, addresses: () => node.addresses() }
  let page: DonatePage
  try {
    page = await openDonatePage({ host, port, tls, publicUrl: url, purpose }, ports)
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== 'page.unavailable') throw error
    io.err(`no donate page: ${error.message}`)
    return null
  }
  if (page.donateUrl === null) {
    io.err('no tab can reach this node: --listen names neither /ws nor /webrtc-direct')
  }
  if (!page.isSecure) {
    io.err(
      `browsers give WebGPU, keys and storage only to pages on https or localhost: tabs cannot work at ${page.url}; give --page-cert and --page-key, or a proxy with https and its --page-url`
    )
  }
  return page
}

/** The link, and where somebody watches, as a QR code. */
export function drawLink(link: string, io: Io): void {
  io.out(`donate: ${link}`)
  if (io.live) io.out(renderUnicodeCompact(link, { ecc: 'L', border: 2 }))
}
