/**
 * The ports that donate links of a mesh name. A link is worth something only as long as they stay, so
 * the first start takes them, and later ones take them again; where another program holds them, others
 * are taken for once and remembered by nobody. Binds for a moment to find out, and keeps nothing open.
 */
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { createServer, isIPv6 } from 'node:net'
import { join } from 'node:path'
import { z } from 'zod'
import { writeWhole } from './whole-file.ts'

/** Side by side, so that an operator who opens a firewall opens one range. No registered use. */
const PAGE_PORT = 8744
const PEER_PORT = 8745

export interface PagePorts {
  readonly page: number
  /** TCP for WebSockets and UDP for WebRTC: one number. */
  readonly peers: number
  /** True where links given out before name other ports. */
  readonly moved: boolean
  /** True where the folder remembers none. */
  readonly isNew: boolean
}

const port = z.int().min(1).max(65_535)
const Kept = z.strictObject({ page: port, peers: port })

const fileIn = (folder: string): string => join(folder, 'ports.json')

/** The ports that the folder remembers; drawn where it is new. Writes nothing. */
export async function choosePorts(folder: string, host: string): Promise<PagePorts> {
  const kept = readKept(folder)
  const wanted = kept ?? { page: PAGE_PORT, peers: PEER_PORT }
  const page = (await isFreeTcp(wanted.page, host)) ? wanted.page : await drawPort(host)
  const peers = (await isFree(wanted.peers, host)) ? wanted.peers : await drawPort(host)
  const isNew = kept === null
  const moved = !isNew && (page !== kept.page || peers !== kept.peers)
  return { page, peers, moved, isNew }
}

/** Remembers them, once the folder was found sound. */
export function keepPorts(folder: string, { page, peers, isNew }: PagePorts): void {
  if (isNew) writeWhole(fileIn(folder), `${JSON.stringify({ page, peers })}\n`)
}

function readKept(folder: string): z.infer<typeof Kept> | null {
  try {
    return Kept.safeParse(JSON.parse(readFileSync(fileIn(folder), 'utf8'))).data ?? null
  } catch {
    return null
  }
}

const isFree = async (wanted: number, host: string): Promise<boolean> =>
  (await isFreeTcp(wanted, host)) && (await isFreeUdp(wanted, host))

function isFreeTcp(wanted: number, host: string): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(wanted, host, () => server.close(() => resolve(true)))
  })
}

function isFreeUdp(wanted: number, host: string): Promise<boolean> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    socket.once('error', () => {
      socket.close()
      resolve(false)
    })
    socket.bind(wanted, host, () => socket.close(() => resolve(true)))
  })
}

/** A port that nobody has now, for TCP; UDP ports of the range are hardly ever in use. */
function drawPort(host: string): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, () => {
      const address = server.address()
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      )
    })
  })
}
