/**
 * One question over a link of kind `status`: the other end's status as a canonical CBOR document. The
 * document is opaque here; whoever asked parses it. One small frame asks, one frame answers.
 */
import {
  decodeCanonical,
  encodeCanonical,
  MeshError,
  type PeerId,
  STATUS_BYTES_MAX
} from '#contracts'
import type { MeshNetwork } from './ports.ts'

const QUESTION = 1
const ANSWER_MS = 5_000

/** Answers every question with the document as it is then. */
export function serveStatus(network: Pick<MeshNetwork, 'onLink'>, status: () => unknown): void {
  network.onLink('status', (link) => {
    link.onFrame((frame) => {
      if (frame.length === 1 && frame[0] === QUESTION) link.send(encodeCanonical(status()))
      else void link.close()
    })
  })
}

/** Questions under way: callers who ask one peer at a time share the answer. */
const asking = new WeakMap<Pick<MeshNetwork, 'openLink'>, Map<PeerId, Promise<Uint8Array>>>()

/** Asks a peer and gives its document decoded, not yet judged. Throws `net.unreachable` without an answer. */
export async function askStatus(
  network: Pick<MeshNetwork, 'openLink'>,
  peer: PeerId,
  { timeoutMs = ANSWER_MS }: { timeoutMs?: number } = {}
): Promise<unknown> {
  const questions = asking.get(network) ?? new Map<PeerId, Promise<Uint8Array>>()
  asking.set(network, questions)
  const running = questions.get(peer)
  const answer = running ?? ask(network, peer, timeoutMs).finally(() => questions.delete(peer))
  questions.set(peer, answer)
  return decodeCanonical(await answer, { bytesMax: STATUS_BYTES_MAX })
}

async function ask(
  network: Pick<MeshNetwork, 'openLink'>,
  peer: PeerId,
  timeoutMs: number
): Promise<Uint8Array> {
  const link = await network.openLink(peer, 'status')
  const answer = Promise.withResolvers<Uint8Array>()
  const timer = setTimeout(() => {
    const facts = { peer, reason: 'no status in time', timeoutMs }
    answer.reject(new MeshError('net.unreachable', facts))
  }, timeoutMs)
  link.onFrame((frame) => answer.resolve(frame))
  link.onClose((fault) => answer.reject(fault ?? new MeshError('net.link_closed', { peer })))
  try {
    link.send(new Uint8Array([QUESTION]))
    return await answer.promise
  } finally {
    clearTimeout(timer)
    await link.close()
  }
}
