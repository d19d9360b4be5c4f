/**
 * Keeps native WebRTC off the output, which belongs to whoever reads it as JSON. In `node-datachannel`
 * 0.33.4 the UDP socket of a listener is libjuice's, and that prints to stdout ("WARN UDP socket binding
 * failed on port …", and three lines more) until libdatachannel takes over its log: with the first ICE
 * transport of the process, and no sooner. So one is made and closed, in about 5 ms. It gathers no
 * candidates: no socket is opened, and nothing is sent. What fails is thrown to us all the same.
 */
let quiet: Promise<void> | null = null

/** To be awaited before a listener is made; once for each process. */
export function quietWebRtc(): Promise<void> {
  quiet ??= makeIceTransport()
  return quiet
}

/** Both ends are waited for: an object that nobody hears close keeps the process alive. */
async function makeIceTransport(): Promise<void> {
  const { PeerConnection } = await import('node-datachannel')
  const connection = new PeerConnection('quiet', { iceServers: [], disableAutoGathering: true })
  const channel = connection.createDataChannel('quiet')
  const channelClosed = new Promise<void>((resolve) => channel.onClosed(resolve))
  const connectionClosed = new Promise<void>((resolve) =>
    connection.onStateChange((state) => {
      if (state === 'closed') resolve()
    })
  )
  channel.close()
  connection.close()
  await Promise.all([channelClosed, connectionClosed])
}
