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
import { choosePorts, keepPorts, moveFromPage, type PagePorts } from '../../drivers/page-ports.ts'
import type { ControlSettings, PageSettings } from './control-options.ts'

interface PlannedPage extends PageSettings {
  readonly folder: string
  readonly ports: PagePorts
  /** Never null: what was kept, where none was given. */
  readonly purpose: string
  /** Remembered from now on; null: as it was. */
  readonly givenPurpose: string | null
  /** Signs what the page says of the mesh. */
  readonly signer: Signer
}

export interface PagePlan {
  /** Null: no page. */
  readonly page: PlannedPage | null
  readonly listen: readonly string[]
  /** False where the operator named the addresses to listen on. */
  readonly isChosen: boolean
}

/** Another program may take a port after it was found free; so often, it is no chance. */
const PORT_TRIES_MAX = 8
const KEPT_ALIVE_MS = 60_000

/**
 * What `open` makes where the plan listens. Where ports that nobody named are lost meanwhile, as with
 * two control nodes that start at once, others are taken; an `open` that fails leaves nothing behind.
 */
export async function openPlanned<Opened>(
  settings: ControlSettings,
  open: (listen: readonly string[]) => Promise<Opened>
): Promise<{ readonly plan: PagePlan; readonly opened: Opened }> {
  const lost = new Set<number>()
  // the UDP socket of a try that failed is freed where nothing keeps the process alive
  const alive = setInterval(() => {}, KEPT_ALIVE_MS)
  try {
    for (let tries = 1; ; tries++) {
      const plan = await planPage(settings, lost)
      try {
        return { plan, opened: await open(plan.listen) }
      } catch (error) {
        if (plan.page === null || !isLost(error, plan) || tries === PORT_TRIES_MAX) throw error
        lost.add(plan.page.ports.peers)
      }
    }
  } finally {
    clearInterval(alive)
  }
}

function isLost(error: unknown, { listen, isChosen }: PagePlan): boolean {
  const address = isInUse(error) ? error.facts['address'] : undefined
  return isChosen && typeof address === 'string' && listen.includes(address)
}

const isInUse = (error: unknown): error is MeshError =>
  error instanceof MeshError && error.code === 'net.port_in_use'

/**
 * Where to listen. By default on loopback, as the page does: for nodes on TCP, for tabs on WebSockets
 * and WebRTC. With the page on the network, so are they.
 */
async function planPage(settings: ControlSettings, lost: ReadonlySet<number>): Promise<PagePlan> {
  const { page, listen, listenIsGiven } = settings
  if (!page.isOn) return { page: null, listen, isChosen: false }
  // the ports are remembered beside the mesh whose links name them
  const { folder, signer } = openOrCreateMeshFolder(settings.data, Date.now())
  const host = hostOfTabs(page)
  const ports = await choosePorts(folder, host, lost)
  const forTabs = [
    `/ip4/${host}/tcp/0`,
    `/ip4/${host}/tcp/${ports.peers}/ws`,
    `/ip4/${host}/udp/${ports.peers}/webrtc-direct`
  ]
  const purpose = purposeOf(folder, page.purpose)
  return {
    page: { ...page, folder, ports, purpose, givenPurpose: page.purpose, signer },
    listen: listenIsGiven ? listen : forTabs,
    isChosen: !listenIsGiven
  }
}

const hostOfTabs = ({ host }: PageSettings): string =>
  isLoopbackHost(host) ? '127.0.0.1' : '0.0.0.0'

/** The page, or null with the reason said: whoever runs graphs here needs none. Remembers its ports. */
export async function openUpPage(
  { page: settings, isChosen }: PagePlan,
  node: ControlNode,
  io: Io
): Promise<DonatePage | null> {
  if (settings === null) return null
  const { page, ports } = await openOnFreePort(settings, node, io)
  keepPorts(settings.folder, ports)
  if (settings.givenPurpose !== null) keepPurpose(settings.folder, settings.purpose)
  if (ports.moved && (settings.port === null || isChosen)) {
    io.err('the usual ports are taken by another program: donate links of before lead nowhere now')
  }
  if (page?.donateUrl === null) {
    io.err('no tab can reach this node: --listen names neither /ws nor /webrtc-direct')
  }
  if (page?.isSecure === false) {
    io.err(
      `browsers give WebGPU, keys and storage only to pages on https or localhost: tabs cannot work at ${page.url}; give --page-cert and --page-key, or a proxy with https and its --page-url`
    )
  }
  return page
}

async function openOnFreePort(
  settings: PlannedPage,
  node: ControlNode,
  io: Io
): Promise<{ readonly page: DonatePage | null; readonly ports: PagePorts }> {
  const { host, tls, url: publicUrl, purpose, signer } = settings
  const { genesis, models } = node
  const parts = { genesis, models, signer, addresses: () => node.addresses() }
  let { ports } = settings
  for (let tries = 1; ; tries++) {
    const port = settings.port ?? ports.page
    try {
      return { page: await openDonatePage({ host, port, tls, publicUrl, purpose }, parts), ports }
    } catch (error) {
      if (error instanceof MeshError && error.code === 'page.unavailable') {
        io.err(`no donate page: ${error.message}`)
        return { page: null, ports }
      }
      if (settings.port !== null || !isInUse(error) || tries === PORT_TRIES_MAX) throw error
      ports = await moveFromPage(ports, hostOfTabs(settings))
    }
  }
}

/** The link, and where somebody watches, as a QR code. */
export function drawLink(link: string, io: Io): void {
  io.out(`donate: ${link}`)
  if (io.live) io.out(renderUnicodeCompact(link, { ecc: 'L', border: 2 }))
}
