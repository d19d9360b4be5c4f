/** Counts what nodes bid, as it goes onto their links to the gateway; changes nothing of it. */
import { FRAMES } from '#contracts'
import type { Link, MeshNetwork } from '#mesh-node/portable'

/** The network of a node, whose bids are counted. */
export function countingBids(network: MeshNetwork, bid: () => void): MeshNetwork {
  const openLink: MeshNetwork['openLink'] = async (peer, kind) => {
    const link = await network.openLink(peer, kind)
    return kind === 'work' ? counted(link, bid) : link
  }
  return new Proxy(network, {
    get: (target, name) => {
      if (name === 'openLink') return openLink
      const part: unknown = Reflect.get(target, name)
      return typeof part === 'function' ? part.bind(target) : part
    }
  })
}

/** A frame begins with the byte of its kind. */
const counted = (link: Link, bid: () => void): Link =>
  new Proxy(link, {
    get: (target, name) => {
      if (name === 'send') {
        return (frame: Uint8Array, body?: Uint8Array): boolean => {
          if (frame[0] === FRAMES.claim.byte) bid()
          return target.send(frame, body)
        }
      }
      const part: unknown = Reflect.get(target, name)
      return typeof part === 'function' ? part.bind(target) : part
    }
  })
