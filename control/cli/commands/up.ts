/** `kora up`: a control node that goes on running, with HTTP on loopback. */
import { randomBytes } from 'node:crypto'
import { type Exit, MeshError } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { findControl, removeControlFile, writeControlFile } from '../../drivers/control-file.ts'
import { startHttpServer } from '../../drivers/http-server.ts'
import { openControl } from '../../drivers/open-control.ts'
import { type ControlFlags, controlSettings } from './control-options.ts'

export interface UpFlags extends ControlFlags {
  readonly json: boolean
}

const TOKEN_BYTES = 32

export async function up(flags: UpFlags, { io, signal }: CommandContext): Promise<Exit> {
  const settings = controlSettings(flags)
  const running = await findControl(settings.data)
  if (running !== null)
    throw new MeshError('control.already_running', { folder: settings.data, pid: running.pid })
  const control = await openControl(settings, io.err)
  try {
    const token = randomBytes(TOKEN_BYTES).toString('hex')
    const { node } = control
    const http = await startHttpServer({
      port: settings.port,
      token,
      service: node
    })
    try {
      const addresses = [...node.addresses()]
      const { mesh, peerId } = node
      writeControlFile(settings.data, {
        pid: process.pid,
        url: http.url,
        token,
        mesh,
        peer_id: peerId,
        addresses
      })
      const resumed = await node.resume()
      // clients ask only when every session is known again
      await control.serveClients(settings.allow)
      if (flags.json)
        io.out(JSON.stringify({ mesh, peer_id: peerId, addresses, url: http.url, resumed }))
      else {
        io.out(`mesh ${mesh}`)
        for (const address of addresses) io.out(`  ${address}`)
        io.out(`http ${http.url} (token in ${settings.data}/control.json)`)
        io.out(
          `join: krako-node start --mesh ${settings.data}/genesis.cbor --bootstrap ${addresses[0] ?? '<address>'}`
        )
        for (const session of resumed) io.out(`goes on: session ${session}`)
      }
      await Promise.race([untilAborted(signal), control.failed])
      io.err('stopping; sessions that still run go on with the next kora up')
      return 'ok'
    } finally {
      removeControlFile(settings.data)
      await http.close()
    }
  } finally {
    await control.close()
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((settle) => signal.addEventListener('abort', () => settle(), { once: true }))
}
