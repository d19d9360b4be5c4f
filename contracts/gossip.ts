/**
 * How gossip of a mesh is set up. The product tells its gossipsub each of these, its library's own
 * defaults too, and the simulator's model reads the same: so neither moves without the other.
 */

export interface GossipSettings {
  /** Neighbours that messages go to at once: as many as wished for, and the bounds of mending. */
  readonly degree: number
  readonly degreeMin: number
  readonly degreeMax: number
  /** When there are too many neighbours: kept for their score, and kept because this host dialled. */
  readonly degreeByScore: number
  readonly degreeOutbound: number
  /** Others are told in each beat what there is: so many at least, and this share of them. */
  readonly degreeLazy: number
  readonly gossipPerMille: number
  readonly heartbeatMs: number
  /** Beats that a message can be asked for, and that it is told of. */
  readonly historyBeats: number
  readonly gossipBeats: number
  /** Whoever told of a message and was asked for it has so long. */
  readonly promiseMs: number
  /** A neighbour that was let go is not taken again for so long; to ask at once costs twice. */
  readonly backoffMs: number
  readonly backoffFloodMs: number
  /** Every so many beats, a mesh whose median scores below the threshold takes some better ones. */
  readonly opportunisticBeats: number
  readonly opportunisticPeers: number
  /** From this size on, neighbours are told at once that a message came and is not wanted again. */
  readonly unwantedBytesMin: number
  /** The publisher sends to every subscriber it knows, not to its neighbours alone. */
  readonly floodPublish: boolean
  /** Scores below which a peer is not gossiped with, not published to, and not heard at all. */
  readonly gossipThreshold: number
  readonly publishThreshold: number
  readonly graylistThreshold: number
  readonly opportunisticThreshold: number
  /** Whoever brought messages first: each counts one, up to so many. */
  readonly firstWeight: number
  readonly firstDecay: number
  readonly firstMax: number
  /** What is no message of this mesh: the square of the count is weighed. */
  readonly invalidWeight: number
  readonly invalidDecay: number
  /** What messages alone can make of a score, so that none of them makes up for misbehaviour. */
  readonly topicScoreMax: number
  /** A broken promise or a graft too soon counts one; the square of the count is weighed. */
  readonly behaviourWeight: number
  readonly behaviourDecay: number
  /** Squared surplus of peers on one address; a host behind others is not to be fined for it. */
  readonly colocationWeight: number
  readonly colocationPeersMax: number
  /** Counters decay so often, and are zero below this. */
  readonly decayMs: number
  readonly decayToZero: number
}

/** One second, as the gossipsub specification has it: meshes heal within a few beats. */
const HEARTBEAT_MS = 1_000

export const GOSSIP_SETTINGS: GossipSettings = {
  degree: 8,
  degreeMin: 6,
  degreeMax: 12,
  degreeByScore: 4,
  degreeOutbound: 2,
  degreeLazy: 12,
  gossipPerMille: 250,
  heartbeatMs: HEARTBEAT_MS,
  historyBeats: 5,
  gossipBeats: 3,
  promiseMs: 3_000,
  backoffMs: 60_000,
  backoffFloodMs: 10_000,
  opportunisticBeats: 5,
  opportunisticPeers: 4,
  unwantedBytesMin: 512,
  // An announcement is worth most at once.
  floodPublish: true,
  gossipThreshold: -10,
  publishThreshold: -50,
  graylistThreshold: -80,
  // Below it most neighbours have brought nothing for a quarter of a minute.
  opportunisticThreshold: 2,
  // Without it a host that drops all it should hand on is as good a neighbour as any.
  firstWeight: 1,
  firstDecay: 0.9,
  firstMax: 10,
  // One ends the neighbourhood; after three nothing more is heard until some have decayed.
  invalidWeight: -10,
  invalidDecay: 0.97,
  topicScoreMax: 10,
  behaviourWeight: -10,
  behaviourDecay: 0.2,
  // More than ten peers on one address would be fined into silence: one machine, or one NAT.
  colocationWeight: 0,
  colocationPeersMax: 10,
  decayMs: 1_000,
  decayToZero: 0.1
}
