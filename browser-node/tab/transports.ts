/** Which ways into a mesh this browser has. Loads no network: the page asks before it needs one. */

export const hasWebRtc = (): boolean => typeof RTCPeerConnection === 'function'
export const hasWebSocket = (): boolean => typeof WebSocket === 'function'
export const hasTransport = (): boolean => hasWebRtc() || hasWebSocket()
