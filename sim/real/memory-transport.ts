/**
 * A libp2p transport whose network is a `Wire`: it listens and dials on TCP addresses of nodes that
 * exist in this process alone. Everything above it is the product's own: Noise, yamux, gossipsub.
 */
import {
  type ComponentLogger,
  type CreateListenerOptions,
  type Listener,
  type ListenerEvents,
  type Transport,
  TypedEventEmitter,
  transportSymbol
} from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { MemorySocket, Way, type WireGround } from './memory-socket.ts'
import { GIVE_UP_US } from './wire.ts'

const PORT = 4_001
/** The first port that systems give to who dials. */
const EPHEMERAL_PORT = 49_152
const NAME = 'kora/memory'

/** Where node `number` listens; its peer id is not in it. */
export const addressOf = (node: number): string => `/ip4/${hostOf(node)}/tcp/${PORT}`

/** A host of 10.0.0.0/8 for each node. */
const hostOf = (node: number): string =>
  `10.${((node + 1) >> 16) & 255}.${((node + 1) >> 8) & 255}.${(node + 1) & 255}`

function nodeAt(address: Multiaddr): number | null {
  const match = /^\/ip4\/10\.(\d+)\.(\d+)\.(\d+)\/tcp\/4001(?:\/p2p\/\w+)?$/.exec(`${address}`)
  if (match === null) return null
  return ((Number(match[1]) << 16) | (Number(match[2]) << 8) | Number(match[3])) - 1
}

type Accept = (socket: MemorySocket) => void

export class MemoryNet {
  readonly #ground: WireGround
  readonly #nodes: number
  readonly #listening = new Map<
    number,
    { readonly log: ComponentLogger; readonly accept: Accept }
  >()
  #dialled = 0

  constructor(ground: WireGround, nodes: number) {
    this.#ground = ground
    this.#nodes = nodes
  }

  /** The transport of one node. */
  transport(node: number): (components: { readonly logger: ComponentLogger }) => Transport {
    return ({ logger }) => ({
      [Symbol.toStringTag]: NAME,
      [transportSymbol]: true,
      dial: async (address, { upgrader, signal, ...options }) => {
        const socket = await this.#connect(node, { address, log: logger, signal })
        try {
          return await upgrader.upgradeOutbound(socket, { signal, ...options })
        } catch (error) {
          socket.abort(error instanceof Error ? error : new Error(String(error)))
          throw error
        }
      },
      createListener: (options) => new MemoryListener(this, { node, logger, options }),
      listenFilter: (addresses) => addresses.filter((one) => nodeAt(one) === node),
      dialFilter: (addresses) => addresses.filter((one) => nodeAt(one) !== null)
    })
  }

  open(node: number, log: ComponentLogger, accept: Accept): void {
    this.#listening.set(node, { log, accept })
  }

  shut(node: number): void {
    this.#listening.delete(node)
  }

  /** A round trip, as TCP shakes hands; refused after one where nobody listens. */
  #connect(from: number, dialling: Dialling): Promise<MemorySocket> {
    const { clock, wire } = this.#ground
    const { address, signal } = dialling
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const giveUp = () => reject(signal.reason)
      signal.addEventListener('abort', giveUp, { once: true })
      const settle = (end: () => void) => {
        signal.removeEventListener('abort', giveUp)
        if (!signal.aborted) end()
      }
      const to = nodeAt(address)
      if (to === null || to >= this.#nodes) return
      const askedUs = wire.arrivalUs(from, to, 0)
      if (askedUs === null) return
      clock.at(askedUs, () => {
        const listening = this.#listening.get(to)
        const answeredUs = wire.arrivalUs(to, from, 0)
        if (answeredUs === null) return
        clock.at(answeredUs, () => {
          if (listening === undefined) {
            settle(() => reject(new Error(`connection refused: ${address}`)))
          } else settle(() => resolve(this.#join(from, to, { ...dialling, ...listening })))
        })
      })
    })
  }

  /** Both ends; the other one begins when it hears that this one has. */
  #join(from: number, to: number, { address, log, accept }: Dialling & Accepting): MemorySocket {
    this.#dialled += 1
    const dialled = this.#dialled
    const lost = () => {
      const reason = new Error(`nothing got through for ${GIVE_UP_US / 1_000_000} s`)
      near.abort(reason)
      far?.abort(reason)
    }
    let far: MemorySocket | null = null
    const there = new Way(this.#ground, {
      from,
      to,
      fail: lost,
      receive: (parcel) => {
        if (parcel.type === 'open') {
          const remote = `/ip4/${hostOf(from)}/tcp/${EPHEMERAL_PORT + (dialled % 16_384)}`
          far = new MemorySocket(
            {
              remoteAddr: multiaddr(remote),
              direction: 'inbound',
              log: log.forComponent(`${NAME}:in`)
            },
            { out: back, in: there }
          )
          accept(far)
        } else far?.take(parcel)
      }
    })
    const back = new Way(this.#ground, {
      from: to,
      to: from,
      fail: lost,
      receive: (parcel) => near.take(parcel)
    })
    const near = new MemorySocket(
      { remoteAddr: address, direction: 'outbound', log: log.forComponent(`${NAME}:out`) },
      { out: there, in: back }
    )
    there.send({ type: 'open' })
    return near
  }
}

interface Dialling {
  readonly address: Multiaddr
  readonly log: ComponentLogger
  readonly signal: AbortSignal
}

interface Accepting {
  readonly accept: Accept
}

interface ListenerParts {
  readonly node: number
  readonly logger: ComponentLogger
  readonly options: CreateListenerOptions
}

class MemoryListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #net: MemoryNet
  readonly #parts: ListenerParts
  readonly #shutdown = new AbortController()
  #address: Multiaddr | null = null

  constructor(net: MemoryNet, parts: ListenerParts) {
    super()
    this.#net = net
    this.#parts = parts
  }

  async listen(address: Multiaddr): Promise<void> {
    const { node, logger, options } = this.#parts
    this.#address = address
    this.#net.open(node, logger, (socket) => {
      options.upgrader
        .upgradeInbound(socket, { signal: this.#shutdown.signal })
        .catch((error: unknown) => {
          socket.abort(error instanceof Error ? error : new Error(String(error)))
        })
    })
    this.safeDispatchEvent('listening')
  }

  getAddrs(): Multiaddr[] {
    return this.#address === null ? [] : [this.#address]
  }

  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    this.#net.shut(this.#parts.node)
    this.#shutdown.abort()
    this.safeDispatchEvent('close')
  }
}
