/**
 * A line that a test cuts, or lets fall silent: TCP in front of a port on loopback. A browser's own
 * "off line" leaves WebSockets as they are. It reads and changes nothing of what goes over it.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'

export class CutLine {
  readonly #server: Server
  readonly #target: number
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #state: 'open' | 'silent' | 'cut' = 'open'

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer((socket) => this.#accept(socket))
  }

  static async before(port: number): Promise<CutLine> {
    const line = new CutLine(port)
    await new Promise<void>((resolve) => line.#server.listen(0, '127.0.0.1', resolve))
    return line
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the line has no port')
    return address.port
  }

  /** Every connection breaks, and none is made, until `mend`. */
  cut(): void {
    this.#state = 'cut'
    for (const pair of this.#pairs) end(pair)
  }

  /** Nothing passes and nobody hears of it, until `mend`. */
  silence(): void {
    this.#state = 'silent'
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  mend(): void {
    const wasSilent = this.#state === 'silent'
    this.#state = 'open'
    if (!wasSilent) return
    for (const pair of this.#pairs) {
      if (pair.some(({ destroyed }) => destroyed)) end(pair)
      else for (const socket of pair) socket.resume()
    }
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(near: Socket): void {
    if (this.#state === 'cut') {
      near.destroy()
      return
    }
    const far = connect(this.#target, '127.0.0.1')
    const pair = [near, far] as const
    this.#pairs.add(pair)
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (bytes) => to.write(bytes))
      // what breaks is told by `close`
      from.on('error', () => {})
      from.on('close', () => {
        if (this.#state === 'silent') return
        end(pair)
        this.#pairs.delete(pair)
      })
      if (this.#state === 'silent') from.pause()
    }
  }
}

function end(pair: readonly Socket[]): void {
  for (const socket of pair) socket.destroy()
}
