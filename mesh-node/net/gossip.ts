/**
 * Gossip topics of one mesh over gossipsub. Messages carry no gossip signature, for what they carry
 * is signed; a message's id is the hash of its bytes. Size is checked before anything else of a
 * message is looked at. Judges nothing itself: the topic's handler does.
 *
 * A message that was ignored stays known for two minutes and is not judged again in that time.
 */
import {
  type GossipSub,
  type GossipsubOpts,
  type Message,
  StrictNoSign,
  TopicValidatorResult
} from '@chainsafe/libp2p-gossipsub'
import { createTopicScoreParams, type TopicScoreParams } from '@chainsafe/libp2p-gossipsub/score'
import type { PeerId as Libp2pPeerId } from '@libp2p/interface'
import {
  bytesToHex,
  GOSSIP_BACKLOG_BYTES_MAX,
  GOSSIP_BYTES_MAX,
  GOSSIP_RPC_BYTES_MAX,
  GOSSIP_SETTINGS,
  isPeerId,
  MeshError,
  type MeshId,
  type PeerId,
  sha256
} from '#contracts'
import {
  type GossipVerdict,
  TOPICS,
  type Topic,
  type TopicHandler,
  type TrafficMeter
} from './ports.ts'

const RESULTS: Record<GossipVerdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  reject: TopicValidatorResult.Reject,
  ignore: TopicValidatorResult.Ignore
}

const topicName = (mesh: MeshId, topic: Topic): string => `/kora/1/${mesh}/${topic}`

/** How gossipsub is set up for a mesh: as `GOSSIP_SETTINGS` has it, with bounds of `limits.ts`. */
export function gossipOptions(mesh: MeshId): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: StrictNoSign,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    batchPublish: true,
    fallbackToFloodsub: false,
    doPX: false,
    ...degreesAndScores(mesh),
    allowedTopics: TOPICS.map((topic) => topicName(mesh, topic)),
    msgIdFn: ({ data }) => sha256(data),
    msgIdToStrFn: bytesToHex,
    maxInboundDataLength: GOSSIP_RPC_BYTES_MAX,
    maxOutboundBufferSize: GOSSIP_BACKLOG_BYTES_MAX,
    dataTransform: { inboundTransform: (_topic, data) => bounded(data), outboundTransform: same }
  }
}

function degreesAndScores(mesh: MeshId): Partial<GossipsubOpts> {
  const set = GOSSIP_SETTINGS
  return {
    floodPublish: set.floodPublish,
    D: set.degree,
    Dlo: set.degreeMin,
    Dhi: set.degreeMax,
    Dscore: set.degreeByScore,
    Dout: set.degreeOutbound,
    Dlazy: set.degreeLazy,
    gossipFactor: set.gossipPerMille / 1_000,
    heartbeatInterval: set.heartbeatMs,
    mcacheLength: set.historyBeats,
    mcacheGossip: set.gossipBeats,
    gossipsubIWantFollowupMs: set.promiseMs,
    pruneBackoff: set.backoffMs,
    graftFloodThreshold: set.backoffFloodMs,
    opportunisticGraftTicks: set.opportunisticBeats,
    opportunisticGraftPeers: set.opportunisticPeers,
    idontwantMinDataSize: set.unwantedBytesMin,
    scoreThresholds: {
      gossipThreshold: set.gossipThreshold,
      publishThreshold: set.publishThreshold,
      graylistThreshold: set.graylistThreshold,
      opportunisticGraftThreshold: set.opportunisticThreshold
    },
    scoreParams: {
      topics: Object.fromEntries(TOPICS.map((topic) => [topicName(mesh, topic), topicScore])),
      topicScoreCap: set.topicScoreMax,
      IPColocationFactorWeight: set.colocationWeight,
      IPColocationFactorThreshold: set.colocationPeersMax,
      behaviourPenaltyWeight: set.behaviourWeight,
      behaviourPenaltyDecay: set.behaviourDecay,
      decayInterval: set.decayMs,
      decayToZero: set.decayToZero
    }
  }
}

/** Announcements come in bursts: time in the mesh and a rate of deliveries say nothing of a peer. */
const topicScore: TopicScoreParams = createTopicScoreParams({
  topicWeight: 1,
  timeInMeshWeight: 0,
  meshMessageDeliveriesWeight: 0,
  meshFailurePenaltyWeight: 0,
  firstMessageDeliveriesWeight: GOSSIP_SETTINGS.firstWeight,
  firstMessageDeliveriesDecay: GOSSIP_SETTINGS.firstDecay,
  firstMessageDeliveriesCap: GOSSIP_SETTINGS.firstMax,
  invalidMessageDeliveriesWeight: GOSSIP_SETTINGS.invalidWeight,
  invalidMessageDeliveriesDecay: GOSSIP_SETTINGS.invalidDecay
})

export class Gossip {
  readonly #pubsub: GossipSub
  readonly #mesh: MeshId
  readonly #traffic: TrafficMeter | null
  readonly #handlers = new Map<string, TopicHandler>()

  constructor(pubsub: GossipSub, mesh: MeshId, traffic: TrafficMeter | null = null) {
    this.#pubsub = pubsub
    this.#mesh = mesh
    this.#traffic = traffic
    pubsub.addEventListener('gossipsub:message', ({ detail }) => {
      const from = detail.propagationSource.toString()
      if (isPeerId(from)) this.#handlers.get(detail.msg.topic)?.deliver(detail.msg.data, from)
    })
  }

  async publish(topic: Topic, bytes: Uint8Array): Promise<void> {
    const { recipients } = await this.#pubsub.publish(topicName(this.#mesh, topic), bounded(bytes))
    this.#traffic?.up(bytes.length * recipients.length)
  }

  subscribe(topic: Topic, handler: TopicHandler): void {
    const name = topicName(this.#mesh, topic)
    this.#handlers.set(name, handler)
    this.#pubsub.topicValidators.set(name, (from, message) => this.#judge(handler, from, message))
    this.#pubsub.subscribe(name)
  }

  subscribers(topic: Topic): readonly PeerId[] {
    const peers = this.#pubsub.getSubscribers(topicName(this.#mesh, topic))
    return peers.map(String).filter(isPeerId)
  }

  #judge(handler: TopicHandler, from: Libp2pPeerId, { data }: Message): TopicValidatorResult {
    this.#traffic?.down(data.length)
    const peer = from.toString()
    if (!isPeerId(peer)) return TopicValidatorResult.Reject
    try {
      return RESULTS[handler.validate(data, peer)]
    } catch (error) {
      if (error instanceof MeshError) return TopicValidatorResult.Reject
      // Our own mistake: gossipsub would swallow it, so it is thrown where nobody catches.
      queueMicrotask(() => {
        throw error
      })
      return TopicValidatorResult.Ignore
    }
  }
}

const same = (_topic: string, data: Uint8Array): Uint8Array => data

function bounded(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= GOSSIP_BYTES_MAX) return bytes
  throw new MeshError('contracts.too_large', { bytes: bytes.length, bytesMax: GOSSIP_BYTES_MAX })
}
