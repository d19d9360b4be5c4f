/**
 * The network of a tab: what `openNetwork` makes, over WebRTC-Direct, WebRTC through a relay, and
 * WebSockets, as far as this browser has them. Adds transports and nothing else.
 */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { webRTC, webRTCDirect } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { isTabAddress } from '#contracts'
import {
  gaterFor,
  type MeshNetwork,
  type NetworkOptions,
  type NetworkParts,
  openNetwork
} from '#mesh-node/portable'
import { hasWebRtc, hasWebSocket } from './transports.ts'

/** A place at a relay, by which other tabs reach this one. */
const LISTEN_AT_RELAY = ['/webrtc', '/p2p-circuit']

export function openTabNetwork(options: NetworkOptions): Promise<MeshNetwork> {
  const transports: NetworkParts['transports'] = []
  if (hasWebSocket()) transports.push(webSockets())
  if (hasWebRtc()) transports.push(webRTCDirect(), webRTC(), circuitRelayTransport())
  const bootstrap = (options.bootstrap ?? []).filter(isReachable)
  return openNetwork(
    { ...options, bootstrap, listen: hasWebRtc() ? LISTEN_AT_RELAY : [] },
    { transports, gater: gaterFor(bootstrap) }
  )
}

/** Plain WebSockets are closed to pages that came by https. */
function isReachable(address: string): boolean {
  if (!isTabAddress(address)) return false
  if (address.includes('/webrtc')) return hasWebRtc()
  const isSecure = /\/(wss|tls\/ws)(\/|$)/.test(address)
  return hasWebSocket() && (isSecure || location.protocol !== 'https:' || isLoopback(address))
}

const isLoopback = (address: string): boolean => /^\/(ip4\/127\.|ip6\/::1\/)/.test(address)
