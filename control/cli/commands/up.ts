/** `kora up`: a control node that goes on running, with HTTP on loopback and the donate page. */
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { type Exit, MeshError } from '#contracts'
import type { CommandContext, Io } from '#mesh-node/cli'
import { findControl, removeControlFile, writeControlFile } from '../../drivers/control-file.ts'
import type { ControlNode } from '../../drivers/control-node.ts'
import type { DonatePage } from '../../drivers/donate-page.ts'
import { startHttpServer } from '../../drivers/http-server.ts'
import { openControl } from '../../drivers/open-control.ts'
import { type ControlFlags, controlSettings, NODES_BESIDE_PAGE } from './control-options.ts'
import { drawLink, openPlanned, openUpPage } from './up-page.ts'

export interface UpFlags extends ControlFlags {
  readonly json: boolean
}

const TOKEN_BYTES = 32
/** Whoever follows a session asks once more when it breaks off: for its result, and hears why. */
const LAST_ANSWERS_MS = 1_000

export async function up(flags: UpFlags, context: CommandContext): Promise<Exit> {
  const settings = controlSettings(flags)
  const running = await findControl(settings.data)
  if (running !== null)
    throw new MeshError('control.already_running', { folder: settings.data, pid: running.pid })
  const localNodes = settings.localNodes ?? (settings.page.isOn ? NODES_BESIDE_PAGE : 0)
  const { plan, opened: control } = await openPlanned(settings, (listen) =>
    openControl({ ...settings, localNodes, listen }, context.io.err)
  )
  try {
    const { node } = control
    const token = randomBytes(TOKEN_BYTES).toString('hex')
    const http = await startHttpServer({ port: settings.port, token, service: node })
    try {
      const page = await openUpPage(plan, node, context.io)
      try {
        const { mesh, peerId } = node
        const addresses = [...node.addresses()]
        const known = { url: http.url, token, mesh, peer_id: peerId, addresses }
        writeControlFile(settings.data, { pid: process.pid, ...known })
        const resumed = await node.resume()
        // clients ask only when every session is known again
        await control.serveClients(settings.allow)
        const clients = settings.allow.length
        const ready = { folder: settings.data, url: http.url, node, page, resumed, clients }
        sayReady(ready, flags, context.io)
        await Promise.race([untilAborted(context.signal), control.failed]).catch(afterLastAnswers)
        context.io.err('stopping; sessions that still run go on with the next kora up')
        return 'ok'
      } finally {
        await page?.close()
      }
    } finally {
      removeControlFile(settings.data)
      await http.close()
    }
  } finally {
    await control.close()
  }
}

interface Ready {
  readonly folder: string
  readonly url: string
  readonly node: ControlNode
  readonly page: DonatePage | null
  readonly resumed: readonly string[]
  /** Clients of other operators that were let in. */
  readonly clients: number
}

/** One line for programs; for people also the link, drawn where a phone can read it. */
function sayReady(ready: Ready, { json }: UpFlags, io: Io): void {
  const { folder, url, node, page, resumed, clients } = ready
  const addresses = [...node.addresses()]
  const { mesh, peerId } = node
  const links = { donate_url: page?.donateUrl ?? null, page_url: page?.url ?? null }
  if (json) {
    io.out(JSON.stringify({ ...links, mesh, peer_id: peerId, addresses, url, resumed }))
    return
  }
  io.out(`mesh ${mesh}`)
  for (const address of addresses) io.out(`  ${address}`)
  io.out(`http ${url} (token in ${folder}/control.json)`)
  io.out(
    `join: krako-node start --mesh ${folder}/genesis.cbor --bootstrap ${addresses[0] ?? '<address>'}`
  )
  if (clients > 0)
    io.out(
      `${clients} let in: kora run <graph> --mesh ${mesh} --bootstrap ${addresses[0] ?? '<address>'}`
    )
  for (const session of resumed) io.out(`goes on: session ${session}`)
  if (links.donate_url !== null) drawLink(links.donate_url, io)
}

async function afterLastAnswers(error: unknown): Promise<never> {
  await setTimeout(LAST_ANSWERS_MS)
  throw error
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((settle) => signal.addEventListener('abort', () => settle(), { once: true }))
}
