/**
 * The network of a tab: what `openNetwork` makes, over what a browser has. WebSockets and
 * WebRTC-Direct lead to nodes; by the relay of one of them other tabs find this one, and speak to it
 * over WebRTC without the relay; it finds some of them by itself. Listens on nothing else, and says when the browser is off line.
 */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { webRTC, webRTCDirect } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { isTabAddress, TAB_CONNECTIONS_MAX, TAB_CONNECTIONS_PENDING_MAX } from '#contracts'
import {
  gaterFor,
  isLocalMesh,
  type MeshNetwork,
  type NetworkLimits,
  type NetworkOptions,
  type NetworkParts,
  openNetwork,
  systemClock
} from '#mesh-node/portable'
import { hasWebRtc, hasWebSocket } from './transports.ts'

/** A place at a relay, and tabs that come by it. */
const LISTEN = ['/p2p-circuit', '/webrtc']

const LIMITS: Partial<NetworkLimits> = {
  connectionsMax: TAB_CONNECTIONS_MAX,
  connectionsPerSecondMax: TAB_CONNECTIONS_PENDING_MAX,
  connectionsPendingMax: TAB_CONNECTIONS_PENDING_MAX
}

/**
 * In a mesh on this machine or network no server outside is asked which address it is seen by; in
 * another, libp2p's public STUN servers are, or tabs behind two NATs would not find each other.
 */
const NOBODY_OUTSIDE = { rtcConfiguration: { iceServers: [] } }

export function openTabNetwork(options: NetworkOptions): Promise<MeshNetwork> {
  const bootstrap = (options.bootstrap ?? []).filter(isReachable)
  const transports: NetworkParts['transports'] = []
  if (hasWebSocket()) transports.push(webSockets())
  if (hasWebRtc()) {
    const rtc = isLocalMesh(bootstrap) ? NOBODY_OUTSIDE : {}
    transports.push(webRTCDirect(NOBODY_OUTSIDE), webRTC(rtc), circuitRelayTransport())
  }
  return openNetwork(
    { limits: LIMITS, ...options, bootstrap, listen: hasWebRtc() ? LISTEN : [] },
    { transports, gater: gaterFor(bootstrap), followLine, findsPeers: hasWebRtc() }
  )
}

/** What this browser can dial: plain WebSockets are closed to pages that came by https. */
function isReachable(address: string): boolean {
  if (!isTabAddress(address)) return false
  if (address.includes('/webrtc')) return hasWebRtc()
  const isPlain = !/\/(wss|tls)(\/|$)/.test(address)
  return hasWebSocket() && !(isPlain && location.protocol === 'https:' && !isLoopback(address))
}

const isLoopback = (address: string): boolean => /^\/(ip4\/127\.|ip6\/::1\/)/.test(address)

/** Browsers tell of each new estimate of a line's speed too: they are looked into this seldom. */
const LINE_LOOK_MS = 5_000

/**
 * A browser says when it is off line and on line, when a sleeping page wakes, and some say when the
 * machine goes from one network to another, which no connection outlives.
 */
function followLine(changed: (isOnline: boolean) => void): () => void {
  const end = new AbortController()
  const { signal } = end
  const look = () => changed(navigator.onLine)
  for (const name of ['online', 'offline', 'pageshow']) addEventListener(name, look, { signal })
  document.addEventListener('resume', look, { signal })
  const line: unknown = Reflect.get(navigator, 'connection')
  if (line instanceof EventTarget) followChanges(line, look, signal)
  return () => end.abort()
}

/** The first change at once, those soon after it together at the end of the pause. */
function followChanges(line: EventTarget, look: () => void, signal: AbortSignal): void {
  let isPausing = false
  let isMissed = false
  const take = () => {
    isMissed = isPausing
    if (isPausing) return
    isPausing = true
    look()
    systemClock.setTimer(systemClock.nowMs() + LINE_LOOK_MS, () => {
      isPausing = false
      if (isMissed && !signal.aborted) take()
    })
  }
  line.addEventListener('change', take, { signal })
}
