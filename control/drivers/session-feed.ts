/**
 * Follows sessions: the newest progress of each, for any number of watchers. A slow watcher skips
 * to the newest state; nothing queues up for it.
 */
import type { SessionId } from '#contracts'
import type { SessionProgress } from '../session/progress.ts'

interface Channel {
  latest: SessionProgress | null
  ended: boolean
  changed: PromiseWithResolvers<void>
}

/** Ended sessions that stay known for late watchers. */
const ENDED_MAX = 1_000

export class SessionFeed {
  readonly #channels = new Map<SessionId, Channel>()

  begin(session: SessionId): void {
    this.#forgetOld()
    this.#channels.set(session, { latest: null, ended: false, changed: Promise.withResolvers() })
  }

  update(session: SessionId, progress: SessionProgress): void {
    const channel = this.#channels.get(session)
    if (channel === undefined) return
    channel.latest = progress
    wake(channel)
  }

  /** Nodes came or went: sessions whose units only wait are told too. */
  nodesChanged(nodes: number): void {
    for (const channel of this.#channels.values()) {
      if (channel.ended || channel.latest === null || channel.latest.nodes === nodes) continue
      channel.latest = { ...channel.latest, nodes }
      wake(channel)
    }
  }

  end(session: SessionId): void {
    const channel = this.#channels.get(session)
    if (channel === undefined) return
    channel.ended = true
    wake(channel)
  }

  latest(session: SessionId): SessionProgress | null {
    return this.#channels.get(session)?.latest ?? null
  }

  /**
   * Gives what is known at once, then every change, until the session ends or nobody watches any more;
   * nothing where the session does not run here.
   */
  async *follow(session: SessionId, signal?: AbortSignal): AsyncGenerator<SessionProgress> {
    const channel = this.#channels.get(session)
    if (channel === undefined) return
    const given = Promise.withResolvers<void>()
    const giveUp = (): void => given.resolve()
    signal?.addEventListener('abort', giveUp)
    let shown: SessionProgress | null = null
    try {
      while (signal?.aborted !== true) {
        const { changed, ended, latest } = channel
        if (latest !== null && latest !== shown) {
          shown = latest
          yield latest
        } else if (ended) return
        else await Promise.race([changed.promise, given.promise])
      }
    } finally {
      signal?.removeEventListener('abort', giveUp)
    }
  }

  #forgetOld(): void {
    if (this.#channels.size < ENDED_MAX) return
    for (const [session, channel] of this.#channels) {
      if (!channel.ended) continue
      this.#channels.delete(session)
      return
    }
  }
}

function wake(channel: Channel): void {
  channel.changed.resolve()
  channel.changed = Promise.withResolvers()
}
