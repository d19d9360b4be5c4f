/**
 * A host's heartbeat, as in gossipsub v1.1: broken promises are counted, the mesh is mended within its
 * bounds, and others are told what there is. A host that has nothing to do sleeps until something
 * happens to it: a beat in which nothing would happen is no event.
 */
import type { Chance } from '../kernel/chance.ts'
import { FRAME } from './gossip-frames.ts'
import type { GossipState } from './gossip-state.ts'

/** The library forgets backoffs in every so many-th beat only, a beat after they have ended. */
const BACKOFF_BEATS = 15

export function beat(state: GossipState, host: number): void {
  countBroken(state, host)
  if (state.isHostile[host] === 1) graftAll(state, host)
  else {
    mend(state, host)
    tell(state, host)
  }
  planNext(state, host)
}

/** When a host that was let go may be taken again; 0: now. */
export function backoffEndUs(state: GossipState, end: number): number {
  const expireUs = state.peers.backoffUs(end)
  if (expireUs === 0) return 0
  const host = state.peers.host(end)
  const slackUs = expireUs + state.settings.heartbeatMs * 1_000
  const firstUs = state.beatUs(host, 1)
  const beats = Math.floor((slackUs - firstUs) / (state.settings.heartbeatMs * 1_000)) + 2
  const cleared = Math.max(1, Math.ceil(beats / BACKOFF_BEATS)) * BACKOFF_BEATS
  const endUs = state.beatUs(host, cleared)
  return endUs <= state.ports.nowUs() ? 0 : endUs
}

function countBroken(state: GossipState, host: number): void {
  const promises = state.promises.get(host)
  if (promises === undefined) return
  const nowUs = state.ports.nowUs()
  const open = promises.filter(({ end, message, untilUs }) => {
    if (state.book.find(message) === undefined || state.book.hasSeen(host, message)) return false
    if (untilUs >= nowUs) return true
    state.scores.misbehaved(end, nowUs)
    return false
  })
  if (open.length === 0) state.promises.delete(host)
  else state.promises.set(host, open)
}

function mend(state: GossipState, host: number): void {
  const { peers, settings } = state
  const mesh = peers.mesh[host] ?? []
  for (const end of mesh.filter((one) => state.score(one) < 0)) state.prune(end)
  if (mesh.length < settings.degreeMin) {
    const found = candidates(state, host, () => true)
    const some = drawn(found, settings.degree - mesh.length, state.ports.chance(host))
    for (const end of some) state.graft(end)
  }
  if (mesh.length > settings.degreeMax) pruneExcess(state, host, mesh)
  const missing = settings.degreeOutbound - dialledIn(state, mesh)
  if (mesh.length >= settings.degreeMin && missing > 0) {
    const found = candidates(state, host, (end) => peers.isDialled(end))
    for (const end of drawn(found, missing, state.ports.chance(host))) state.graft(end)
  }
  const beats = state.window(host)
  if (beats % settings.opportunisticBeats === 0 && mesh.length > 1) graftBetter(state, host, mesh)
}

/** Where the neighbours are no good, some that are better than most of them. */
function graftBetter(state: GossipState, host: number, mesh: readonly number[]): void {
  const { settings, ports } = state
  const median = medianOf(state, mesh)
  if (median >= settings.opportunisticThreshold) return
  const found = candidates(state, host, (end) => state.score(end) > median)
  for (const end of drawn(found, settings.opportunisticPeers, ports.chance(host))) state.graft(end)
}

function medianOf(state: GossipState, mesh: readonly number[]): number {
  const scores = mesh.map((end) => state.score(end)).sort((a, b) => a - b)
  return scores[scores.length >> 1] ?? 0
}

function dialledIn({ peers }: GossipState, ends: readonly number[]): number {
  let count = 0
  for (const end of ends) if (peers.isDialled(end)) count += 1
  return count
}

/** Some stay for their score, some because this host dialled them, all others by chance. */
function pruneExcess(state: GossipState, host: number, mesh: readonly number[]): void {
  const { degree, degreeByScore, degreeOutbound } = state.settings
  const { peers } = state
  const byScore = mesh.toSorted((a, b) => state.score(b) - state.score(a))
  const rest = byScore.slice(degreeByScore)
  const order = [
    ...byScore.slice(0, degreeByScore),
    ...drawn(rest, rest.length, state.ports.chance(host))
  ]
  const kept = order.slice(0, degree)
  const spare = order.slice(degree).filter((end) => peers.isDialled(end))
  const isChosen = (end: number): boolean => peers.isDialled(end)
  for (let missing = degreeOutbound - dialledIn(state, kept); missing > 0; missing--) {
    const dialled = spare.shift()
    const place = kept.findLastIndex((end) => !isChosen(end))
    if (dialled === undefined || place < 0) break
    kept[place] = dialled
  }
  const keeps = new Set(kept)
  for (const end of order) if (!keeps.has(end)) state.prune(end)
}

/** Peers that may be taken into the mesh. */
function candidates(
  state: GossipState,
  host: number,
  isWanted: (end: number) => boolean
): number[] {
  const { peers } = state
  return (peers.ends[host] ?? []).filter(
    (end) =>
      !peers.isInMesh(end) &&
      peers.isSubscribed(end) &&
      isWanted(end) &&
      backoffEndUs(state, end) === 0 &&
      state.score(end) >= 0
  )
}

/** Some that are not neighbours hear of the messages of the last beats. */
function tell(state: GossipState, host: number): void {
  const { peers, settings, book } = state
  const ends = peers.ends[host] ?? []
  if (ends.length === peers.mesh[host]?.length) return
  const list = book.recent(host, state.window(host) - 1, settings.gossipBeats)
  if (list === null) return
  const found = ends.filter(
    (end) =>
      !peers.isInMesh(end) &&
      peers.isSubscribed(end) &&
      state.score(end) >= settings.gossipThreshold
  )
  const share = Math.floor((found.length * settings.gossipPerMille) / 1_000)
  const count = Math.max(settings.degreeLazy, share)
  for (const end of drawn(found, count, state.ports.chance(host))) {
    state.send(end, FRAME.have, -1, list)
  }
}

/** A hostile host wants to be everybody's neighbour. */
function graftAll(state: GossipState, host: number): void {
  for (const end of candidates(state, host, (one) => !isHostile(state, one ^ 1))) state.graft(end)
}

const isHostile = (state: GossipState, end: number): boolean =>
  state.isHostile[state.peers.host(end)] === 1

/** In the next beat, or when a backoff ends that the host waits for. */
function planNext(state: GossipState, host: number): void {
  const { peers, settings, book } = state
  const mesh = peers.mesh[host] ?? []
  const ends = peers.ends[host] ?? []
  const isQuiet =
    ends.length === mesh.length ||
    book.recent(host, state.window(host), settings.gossipBeats) === null
  if (!isQuiet || state.promises.has(host)) {
    state.wake(host)
    return
  }
  const isHostileHost = state.isHostile[host] === 1
  const needsAny = isHostileHost || mesh.length < settings.degreeMin
  const needsDialled = dialledIn(state, mesh) < settings.degreeOutbound
  if (mesh.length > 1 && ends.some((end) => !peers.isInMesh(end) && state.score(end) > 0)) {
    const every = settings.opportunisticBeats
    state.wakeBy(host, state.beatUs(host, (Math.floor(state.window(host) / every) + 1) * every))
  }
  if (!needsAny && !needsDialled) return
  let soonestUs = Number.POSITIVE_INFINITY
  for (const end of ends) {
    if (peers.isInMesh(end) || !peers.isSubscribed(end)) continue
    if (!needsAny && !peers.isDialled(end)) continue
    soonestUs = Math.min(soonestUs, backoffEndUs(state, end))
  }
  // a peer that could be taken now and was not has a bad score, which a beat must look at
  if (soonestUs !== Number.POSITIVE_INFINITY) state.wakeBy(host, soonestUs)
}

/** So many of them, by chance; the order of `from` is lost. */
export function drawn(from: number[], count: number, chance: Chance): readonly number[] {
  const take = Math.min(count, from.length)
  for (let at = 0; at < take; at++) {
    const other = at + chance.below(from.length - at)
    const one = from[at] ?? 0
    from[at] = from[other] ?? 0
    from[other] = one
  }
  return from.slice(0, Math.max(0, take))
}
