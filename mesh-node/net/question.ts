/**
 * One question to a peer: a link of its own, one small frame that asks, one frame that answers. Looks
 * into neither.
 */
import { MeshError, type PeerId } from '#contracts'
import type { LinkKind, MeshNetwork } from './ports.ts'

/** What kinds of link that know one question alone ask with. */
const QUESTION = 1

export interface QuestionTo {
  readonly peer: PeerId
  readonly kind: LinkKind
  readonly timeoutMs: number
}

/** The frame that answers. Throws `net.unreachable` without one in time, and what the link throws. */
export async function askOnce(
  network: Pick<MeshNetwork, 'openLink'>,
  { peer, kind, timeoutMs }: QuestionTo
): Promise<Uint8Array> {
  const link = await network.openLink(peer, kind)
  const answer = Promise.withResolvers<Uint8Array>()
  const timer = setTimeout(() => {
    const facts = { peer, reason: `no ${kind} in time`, timeoutMs }
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

/** Answers every question of that kind; a peer that says anything else is left. */
export function answerAll(
  network: Pick<MeshNetwork, 'onLink'>,
  kind: LinkKind,
  answer: (asker: PeerId) => Uint8Array
): void {
  network.onLink(kind, (link) => {
    link.onFrame((frame) => {
      if (frame.length === 1 && frame[0] === QUESTION) link.send(answer(link.peer))
      else void link.close()
    })
  })
}
