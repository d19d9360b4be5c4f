/** Which session hears which signals of the one gateway. Signals of sessions nobody listens to are dropped. */
import type { FabricSignal, SessionId } from '#contracts'

export class SignalBoard {
  readonly #listeners = new Map<string, (signal: FabricSignal) => void>()

  hear(session: SessionId, listener: (signal: FabricSignal) => void): void {
    this.#listeners.set(session, listener)
  }

  forget(session: SessionId): void {
    this.#listeners.delete(session)
  }

  readonly post = (signal: FabricSignal): void => {
    const session = sessionOf(signal)
    if (session !== null) this.#listeners.get(session)?.(signal)
  }
}

function sessionOf(signal: FabricSignal): string | null {
  switch (signal.type) {
    case 'event':
      return signal.event.execution_session_id
    case 'outcome':
      return signal.outcome.session
    case 'session-refused':
      return signal.session
  }
}
