/**
 * Which session hears which signals of the one gateway. Of sessions that nobody listens to any more,
 * events are handed over as late ones; other signals are dropped.
 */
import type { EventDraft, FabricSignal, SessionId } from '#contracts'

export class SignalBoard {
  readonly #listeners = new Map<string, (signal: FabricSignal) => void>()

  readonly #onLate: (event: EventDraft) => void

  constructor(onLate: (event: EventDraft) => void) {
    this.#onLate = onLate
  }

  hear(session: SessionId, listener: (signal: FabricSignal) => void): void {
    this.#listeners.set(session, listener)
  }

  forget(session: SessionId): void {
    this.#listeners.delete(session)
  }

  readonly post = (signal: FabricSignal): void => {
    const session = sessionOf(signal)
    if (session === null) return
    const listener = this.#listeners.get(session)
    if (listener !== undefined) listener(signal)
    else if (signal.type === 'event') this.#onLate(signal.event)
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
