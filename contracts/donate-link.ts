/**
 * The donate link: the page's address with, in its fragment, the mesh to join and the multiaddrs of
 * peers to begin with. `http(s)://host/#mesh=<mesh id>&peer=<multiaddr>&peer=<multiaddr>`. A fragment
 * is never sent to the server, so the page's host does not learn it from its log.
 *
 * A link is a stranger's word until the mesh's genesis, whose hash the mesh id is, has been checked.
 * Dials nobody and resolves nothing.
 */
import { MeshError } from './errors.ts'
import { type MeshId, parseMeshId } from './ids.ts'
import { LINK_CHARS_MAX, LINK_PEER_CHARS_MAX, LINK_PEERS_MAX } from './limits.ts'
import { isPeerId } from './signing.ts'

export interface DonateLink {
  readonly mesh: MeshId
  /** Multiaddrs that end in a peer id, in the order in which to try them. */
  readonly peers: readonly string[]
}

/** Protocols and their values between slashes; spaces, quotes and brackets have no business here. */
const MULTIADDR = /^(?:\/[A-Za-z0-9._~:%-]+)+$/
/** WebSockets and WebRTC: the other transports are for processes. */
const TAB_TRANSPORT = /\/(?:tcp\/\d+(?:\/tls(?:\/sni\/[^/]+)?)?\/wss?|webrtc(?:-direct)?)(?:\/|$)/

/** Whether a browser can dial the address. */
export const isTabAddress = (address: string): boolean => TAB_TRANSPORT.test(address)

/** The link of a page; throws `link.*` where the page or an address could not be read back. */
export function writeDonateLink(page: string, { mesh, peers }: DonateLink): string {
  const url = readPage(page)
  url.hash = ''
  const parts = [`mesh=${mesh}`, ...peers.map((peer) => `peer=${peer}`)]
  const link = `${url.href.replace(/#$/, '')}#${parts.join('&')}`
  readDonateLink(link)
  return link
}

/** Reads a whole link, as typed or scanned. */
export function readDonateLink(link: string): DonateLink {
  guardLength(link)
  const at = link.indexOf('#')
  readPage(at === -1 ? link : link.slice(0, at))
  return readDonateFragment(at === -1 ? '' : link.slice(at))
}

/** Reads the fragment alone, with its `#` or without, as a page finds it in its location. */
export function readDonateFragment(fragment: string): DonateLink {
  guardLength(fragment)
  const text = fragment.startsWith('#') ? fragment.slice(1) : fragment
  if (text === '') throw new MeshError('link.missing')
  let mesh: MeshId | null = null
  const peers: string[] = []
  for (const part of text.split('&')) {
    const [key, value] = readPart(part)
    if (key === 'mesh' && mesh === null) mesh = readMesh(value)
    else if (key === 'peer') peers.push(readPeer(value))
    else throw malformed(key === 'mesh' ? 'a second mesh' : 'an unknown key', key)
    if (peers.length > LINK_PEERS_MAX) {
      throw new MeshError('link.too_large', { peers: peers.length, peersMax: LINK_PEERS_MAX })
    }
  }
  if (mesh === null) throw malformed('no mesh', '')
  if (peers.length === 0) throw new MeshError('link.no_peer', { mesh })
  return { mesh, peers: [...new Set(peers)] }
}

/** Slashes and colons may come as they are or encoded; what is no UTF-8 is refused. */
function readPart(part: string): readonly [key: string, value: string] {
  const at = part.indexOf('=')
  if (at === -1) throw malformed('a part without a value', part)
  try {
    return [part.slice(0, at), decodeURIComponent(part.slice(at + 1))]
  } catch (cause) {
    throw malformed('a broken escape', part, cause)
  }
}

function readMesh(text: string): MeshId {
  try {
    return parseMeshId(text)
  } catch (cause) {
    throw malformed('no mesh id', text, cause)
  }
}

function readPeer(text: string): string {
  if (text.length > LINK_PEER_CHARS_MAX) {
    throw new MeshError('link.too_large', { chars: text.length, charsMax: LINK_PEER_CHARS_MAX })
  }
  const id = /\/p2p\/([^/]+)$/.exec(text)?.[1] ?? ''
  if (!MULTIADDR.test(text)) throw malformed('no multiaddr', text)
  if (!isPeerId(id)) throw malformed('an address that does not end in a peer id', text)
  return text
}

function readPage(page: string): URL {
  const url = URL.parse(page)
  if (url === null || !/^https?:$/.test(url.protocol)) throw malformed('no address of a page', page)
  return url
}

function guardLength({ length }: string): void {
  if (length <= LINK_CHARS_MAX) return
  throw new MeshError('link.too_large', { chars: length, charsMax: LINK_CHARS_MAX })
}

const malformed = (reason: string, text: string, cause?: unknown): MeshError =>
  new MeshError('link.malformed', { reason, text: text.slice(0, 80) }, { cause })
