/**
 * Follows sessions: the newest progress of each, for any number of watchers. A slow watcher skips
 * to the newest state; nothing queues up for it.
 */
import { MeshError, type SessionId } from '#contracts'
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

  end(session: SessionId): void {
    const channel = this.#channels.get(session)
    if (channel === undefined) return
    channel.ended = true
    wake(channel)
  }

  knows(session: SessionId): boolean {
    return this.#channels.has(session)
  }

  latest(session: SessionId): SessionProgress | null {
    return this.#channels.get(session)?.latest ?? null
  }

  /** Gives what is known at once, then every change, until the session ends. */
  async *follow(session: SessionId): AsyncGenerator<SessionProgress> {
    const channel = this.#channels.get(session)
    if (channel === undefined) throw new MeshError('session.unknown', { session })
    let shown: SessionProgress | null = null
    while (true) {
      const { changed, ended, latest } = channel
      if (latest !== null && latest !== shown) {
        shown = latest
        yield latest
      } else if (ended) return
      else await changed.promise
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
