/**
 * The network of a tab: what `openNetwork` makes, over what a browser has. WebSockets and
 * WebRTC-Direct lead to nodes; by the relay of one of them other tabs find this one, and speak to it
 * over WebRTC without the relay. Listens on nothing else, and says when the browser is off line.
 */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { webRTC, webRTCDirect } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import {
  gaterFor,
  isLocalMesh,
  type MeshNetwork,
  type NetworkOptions,
  openNetwork
} from '#mesh-node/portable'

/** A place at a relay, and tabs that come by it. */
const LISTEN = ['/p2p-circuit', '/webrtc']

/**
 * In a mesh on this machine or network no server outside is asked which address it is seen by; in
 * another, libp2p's public STUN servers are, or tabs behind two NATs would not find each other.
 */
const NOBODY_OUTSIDE = { rtcConfiguration: { iceServers: [] } }

export function openTabNetwork(options: NetworkOptions): Promise<MeshNetwork> {
  const { bootstrap = [] } = options
  return openNetwork(
    { ...options, listen: LISTEN },
    {
      transports: [
        webSockets(),
        webRTCDirect(NOBODY_OUTSIDE),
        webRTC(isLocalMesh(bootstrap) ? NOBODY_OUTSIDE : {}),
        circuitRelayTransport()
      ],
      gater: gaterFor(bootstrap),
      followLine
    }
  )
}

/** A browser says when it is off line and on line, and when a sleeping page wakes. */
function followLine(changed: (isOnline: boolean) => void): () => void {
  const end = new AbortController()
  const { signal } = end
  const look = () => changed(navigator.onLine)
  for (const name of ['online', 'offline', 'pageshow']) addEventListener(name, look, { signal })
  document.addEventListener('resume', look, { signal })
  return () => end.abort()
}
