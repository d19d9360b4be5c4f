/**
 * One question over a link of kind `status`: the other end's status as a canonical CBOR document. The
 * document is opaque here; whoever asked parses it. One small frame asks, one frame answers.
 */
import { decodeCanonical, encodeCanonical, type PeerId, STATUS_BYTES_MAX } from '#contracts'
import type { MeshNetwork } from './ports.ts'
import { answerAll, askOnce } from './question.ts'

const ANSWER_MS = 5_000

/** Answers every question with the document as it is then. */
export function serveStatus(network: Pick<MeshNetwork, 'onLink'>, status: () => unknown): void {
  answerAll(network, 'status', () => encodeCanonical(status()))
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
  const asked = () => askOnce(network, { peer, kind: 'status', timeoutMs })
  const answer = running ?? asked().finally(() => questions.delete(peer))
  questions.set(peer, answer)
  return decodeCanonical(await answer, { bytesMax: STATUS_BYTES_MAX })
}
