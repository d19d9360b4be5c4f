/**
 * Noise gives each message as two pieces, its length and its bytes, and TCP writes every piece with a
 * system call and a packet of its own. Here they are put together before they go down. Changes no
 * byte of what is sent.
 */

import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'
import { type NoiseComponents, noise } from '@libp2p/noise'

/** Some Noise messages of full length; beyond it, a copy costs more than a call. */
const TOGETHER_BYTES_MAX = 256 * 1024

/** Noise over connections that write each message whole. */
export function noiseInWholeWrites(): (components: NoiseComponents) => ConnectionEncrypter {
  const make = noise()
  return (components) => {
    const encrypter = make(components)
    return {
      protocol: encrypter.protocol,
      secureInbound: (connection, options) =>
        encrypter.secureInbound(inWholeWrites(connection), options),
      secureOutbound: (connection, options) =>
        encrypter.secureOutbound(inWholeWrites(connection), options)
    }
  }
}

function inWholeWrites(connection: MessageStream): MessageStream {
  const send = connection.send.bind(connection)
  connection.send = (data) => {
    const isWhole = data instanceof Uint8Array || data.byteLength > TOGETHER_BYTES_MAX
    return send(isWhole ? data : data.subarray())
  }
  return connection
}
