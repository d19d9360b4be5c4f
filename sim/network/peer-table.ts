/**
 * Connections between hosts as a struct of arrays: two ends each, numbered so that the other end of
 * `end` is `end ^ 1`. Holds for each host its ends and which of them are in its gossip mesh. Decides
 * nothing; ends that closed are never numbered again, so that what is still under way finds nobody.
 */

const CAPACITY_FIRST = 1_024

const OPEN = 1
const SUBSCRIBED = 2
const IN_MESH = 4
const DIALLED = 8

export class PeerTable {
  /** By host: its open ends, and those of them in its mesh. */
  readonly ends: readonly number[][]
  readonly mesh: readonly number[][]
  #flags = new Uint8Array(CAPACITY_FIRST)
  /** By end: whose it is. */
  #host = new Int32Array(CAPACITY_FIRST)
  /** Who relays what comes to it; -1: nobody. */
  #relay = new Int32Array(CAPACITY_FIRST)
  #place = new Int32Array(CAPACITY_FIRST)
  #backoffUs = new Float64Array(CAPACITY_FIRST)
  #arrivedUs = new Float64Array(CAPACITY_FIRST)
  #count = 0

  constructor(hosts: number) {
    this.ends = Array.from({ length: hosts }, () => [])
    this.mesh = Array.from({ length: hosts }, () => [])
  }

  /** One more than the highest end so far. */
  get count(): number {
    return this.#count
  }

  /** The end of who dialled; the other's is one more. */
  connect(dialler: number, other: number, relay: number): number {
    if (this.#count + 2 > this.#flags.length) this.#grow()
    const end = this.#count
    this.#count += 2
    this.#open(end, dialler, OPEN | DIALLED, relay)
    this.#open(end + 1, other, OPEN, relay)
    return end
  }

  /** Both ends at once. */
  close(end: number): void {
    for (const one of [end, end ^ 1]) {
      if (!this.isOpen(one)) return
      this.leaveMesh(one)
      const mine = this.ends[this.host(one)]
      const place = this.#place[one] ?? 0
      const last = mine?.pop()
      if (mine !== undefined && last !== undefined && last !== one) {
        mine[place] = last
        this.#place[last] = place
      }
      this.#flags[one] = 0
    }
  }

  host(end: number): number {
    return this.#host[end] ?? -1
  }

  relay(end: number): number {
    return this.#relay[end] ?? -1
  }

  /** The end of `host` to `other`; -1 where they are not connected. */
  find(host: number, other: number): number {
    for (const end of this.ends[host] ?? []) if (this.host(end ^ 1) === other) return end
    return -1
  }

  isOpen(end: number): boolean {
    return ((this.#flags[end] ?? 0) & OPEN) !== 0
  }

  /** Whether this host knows that the other one listens. */
  isSubscribed(end: number): boolean {
    return ((this.#flags[end] ?? 0) & SUBSCRIBED) !== 0
  }

  isInMesh(end: number): boolean {
    return ((this.#flags[end] ?? 0) & IN_MESH) !== 0
  }

  isDialled(end: number): boolean {
    return ((this.#flags[end] ?? 0) & DIALLED) !== 0
  }

  subscribe(end: number): void {
    this.#flags[end] = (this.#flags[end] ?? 0) | SUBSCRIBED
  }

  joinMesh(end: number): void {
    if (this.isInMesh(end)) return
    this.#flags[end] = (this.#flags[end] ?? 0) | IN_MESH
    this.mesh[this.host(end)]?.push(end)
  }

  leaveMesh(end: number): void {
    if (!this.isInMesh(end)) return
    this.#flags[end] = (this.#flags[end] ?? 0) & ~IN_MESH
    const mesh = this.mesh[this.host(end)]
    mesh?.splice(mesh.indexOf(end), 1)
  }

  /** Until when the other one is not to be taken again; 0: never was let go. */
  backoffUs(end: number): number {
    return this.#backoffUs[end] ?? 0
  }

  /** A later one stands. */
  backOff(end: number, untilUs: number): void {
    this.#backoffUs[end] = Math.max(this.backoffUs(end), untilUs)
  }

  /** When something arrives at that end: not before what was sent earlier, as on any stream. */
  inOrderUs(end: number, atUs: number): number {
    const inOrder = Math.max(atUs, this.#arrivedUs[end] ?? 0)
    this.#arrivedUs[end] = inOrder
    return inOrder
  }

  #open(end: number, host: number, flags: number, relay: number): void {
    const mine = this.ends[host]
    this.#flags[end] = flags
    this.#host[end] = host
    this.#relay[end] = relay
    this.#place[end] = mine?.length ?? 0
    mine?.push(end)
  }

  #grow(): void {
    const capacity = this.#flags.length * 2
    const wider = <T extends Float64Array | Int32Array | Uint8Array>(old: T, fresh: T): T => {
      fresh.set(old)
      return fresh
    }
    this.#flags = wider(this.#flags, new Uint8Array(capacity))
    this.#host = wider(this.#host, new Int32Array(capacity))
    this.#relay = wider(this.#relay, new Int32Array(capacity))
    this.#place = wider(this.#place, new Int32Array(capacity))
    this.#backoffUs = wider(this.#backoffUs, new Float64Array(capacity))
    this.#arrivedUs = wider(this.#arrivedUs, new Float64Array(capacity))
  }
}
