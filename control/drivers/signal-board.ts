/**
 * Which session hears which signals of the one gateway. Events that no session hears, of the mesh or of
 * sessions that have ended, are handed over as such; other signals are dropped.
 */
import type { EventDraft, FabricSignal, SessionId } from '#contracts'

export class SignalBoard {
  readonly #listeners = new Map<string, (signal: FabricSignal) => void>()

  readonly #onUnheard: (event: EventDraft) => void

  constructor(onUnheard: (event: EventDraft) => void) {
    this.#onUnheard = onUnheard
  }

  hear(session: SessionId, listener: (signal: FabricSignal) => void): void {
    this.#listeners.set(session, listener)
  }

  forget(session: SessionId): void {
    this.#listeners.delete(session)
  }

  readonly post = (signal: FabricSignal): void => {
    const session = sessionOf(signal)
    const listener = session === null ? undefined : this.#listeners.get(session)
    if (listener !== undefined) listener(signal)
    else if (signal.type === 'event') this.#onUnheard(signal.event)
  }
}

function sessionOf(signal: FabricSignal): string | null {
  switch (signal.type) {
    case 'event':
      return signal.event.execution_session_id
    case 'outcome':
      return signal.outcome.session
    case 'reclaim':
    case 'session-refused':
      return signal.session
  }
}
