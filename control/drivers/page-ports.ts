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

/** The system hands out others each time; a number that only UDP lacks is rare. */
const DRAWS_MAX = 32
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

/**
 * The ports that the folder remembers, or the usual ones where it is new; others instead of those that
 * are taken, or that were `lost`: free when asked for, and another program's before they were listened
 * on. Writes nothing.
 */
export async function choosePorts(
  folder: string,
  host: string,
  lost: ReadonlySet<number>
): Promise<PagePorts> {
  const kept = readKept(folder)
  const wanted = kept ?? { page: PAGE_PORT, peers: PEER_PORT }
  const isOurs = !lost.has(wanted.peers) && (await isFree(wanted.peers, host))
  const peers = isOurs ? wanted.peers : await drawPort(host, [...lost, wanted.page])
  const page = (await isFreeTcp(wanted.page, host)) ? wanted.page : await drawPort(host, [peers])
  const isNew = kept === null
  const moved = !isNew && (page !== kept.page || peers !== kept.peers)
  return { page, peers, moved, isNew }
}

/** The same ports with another one for the page, whose port was lost. */
export async function moveFromPage(ports: PagePorts, host: string): Promise<PagePorts> {
  const page = await drawPort(host, [ports.page, ports.peers])
  return { ...ports, page, moved: !ports.isNew }
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

/** A port that nobody has now, neither for TCP nor for UDP, and none of `others`. */
async function drawPort(host: string, others: readonly number[]): Promise<number> {
  for (let draws = 1; ; draws++) {
    const drawn = await drawTcp(host)
    if (draws === DRAWS_MAX) return drawn
    if (!others.includes(drawn) && (await isFreeUdp(drawn, host))) return drawn
  }
}

function drawTcp(host: string): Promise<number> {
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
