/** `krako-node identity`: who this node is. Draws the key where there is none yet, and never shows it. */
import { bytesToHex, publicKeyFromPeerId } from '#contracts'
import { openKeyFile } from '../../keys/key-file.ts'
import { nodeSigner } from '../../keys/node-signer.ts'
import { keyFile } from '../../node-files.ts'
import type { CommandContext } from '../run-program.ts'
import type { StatusFlags } from './status.ts'

export async function identity({ data, json }: StatusFlags, { io }: CommandContext): Promise<void> {
  const path = keyFile(data)
  const { peerId } = nodeSigner(openKeyFile(path))
  const publicKey = bytesToHex(publicKeyFromPeerId(peerId))
  if (json) {
    io.out(JSON.stringify({ peer_id: peerId, public_key: publicKey, data, key_file: path }))
    return
  }
  io.out(`peer id     ${peerId}`)
  io.out(`public key  ${publicKey}`)
  io.out(`key file    ${path}`)
}
