/** What the gossip model keeps its books in, and that product and model have the same settings. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { GOSSIP_SETTINGS, parseMeshId } from '#contracts'
import { TOPICS } from '#mesh-node/portable'
import { gossipOptions } from '../../mesh-node/net/gossip.ts'
import { DelayHistogram } from '../../sim/network/delay-histogram.ts'
import { MessageBook } from '../../sim/network/message-book.ts'
import { PeerScores } from '../../sim/network/peer-scores.ts'
import { PeerTable } from '../../sim/network/peer-table.ts'

const HOSTS = 5
const RETAIN_US = 100

interface Known {
  readonly message: number
  readonly window: number
  readonly host: number
}

describe('the book of messages', () => {
  it('knows of each host what a list of its own would, however many are held at one time', () => {
    const step = fc.record({
      host: fc.nat(HOSTS - 1),
      back: fc.nat(150),
      window: fc.nat(1),
      isNew: fc.boolean()
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const options = { hosts: HOSTS, historyBeats: 3, retainUs: RETAIN_US, unwantedBytesMin: 1 }
        const book = new MessageBook(options)
        const known: Known[] = []
        let [count, window] = [0, 1]
        for (const { host, back, window: more, isNew } of steps) {
          window += more
          const entry = { digest: 0, bytes: 0, publishedUs: 0, isValid: true, deliver: () => {} }
          const message = isNew ? book.publish(entry, () => {}) : Math.max(0, count - 1 - back)
          if (isNew) count += 1
          const held = book.find(message)
          if (held === undefined || book.hasSeen(host, message)) continue
          book.receive(host, held, { window, nowUs: 0 })
          known.push({ message, window, host })
        }
        for (let host = 0; host < HOSTS; host++) {
          const mine = known.filter((one) => one.host === host)
          for (const { message } of mine) ok(book.hasSeen(host, message))
          const recent = book.recent(host, window, 2)
          const found =
            recent === null ? [] : [...book.listed(recent)].map(({ message }) => message)
          const expected = mine
            .filter((one) => one.window > window - 2)
            .map(({ message }) => message)
          deepEqual(found.sort(), expected.sort())
          if (recent !== null) equal(book.unseen(host, recent), null)
        }
      }),
      { numRuns: 60 }
    )
  })

  it('tells lists that are under way where messages went when it grew', () => {
    const book = new MessageBook({ hosts: 1, historyBeats: 3, retainUs: 10, unwantedBytesMin: 1 })
    let list: Uint32Array | null = null
    for (let message = 0; message < 200; message++) {
      const entry = { digest: 0, bytes: 0, publishedUs: 0, isValid: true, deliver: () => {} }
      book.publish(entry, (moved) => {
        list = list === null ? null : moved(list)
      })
      const held = book.find(message)
      if (held !== undefined && message < 40) book.receive(0, held, { window: 1, nowUs: 0 })
      if (message === 40) list = book.recent(0, 1, 1)
    }
    const told = list === null ? [] : [...book.listed(list)]
    deepEqual(
      told.map(({ message }) => message),
      Array.from({ length: 40 }, (_, message) => message)
    )
  })
})

describe('the table of peers', () => {
  it('closes both ends and keeps all others', () => {
    const table = new PeerTable(4)
    const ends = [table.connect(0, 1, -1), table.connect(0, 2, -1), table.connect(3, 0, -1)]
    for (const end of ends) table.joinMesh(end)
    table.close((ends[0] ?? 0) ^ 1)
    deepEqual(table.ends[0]?.toSorted(), [ends[1], (ends[2] ?? 0) ^ 1])
    deepEqual([table.ends[1], table.mesh[0]], [[], [ends[1]]])
    equal(table.find(0, 1), -1)
    equal(table.find(0, 3), (ends[2] ?? 0) ^ 1)
  })
})

describe('scores', () => {
  it('fall with the square of misbehaviour, rise with what came first, and decay', () => {
    const scores = new PeerScores({ ...GOSSIP_SETTINGS, firstWeight: 1 })
    for (let times = 0; times < 20; times++) scores.wasFirst(6, 0)
    equal(scores.score(6, 0), GOSSIP_SETTINGS.topicScoreMax)
    scores.misbehaved(6, 0)
    equal(scores.score(6, 0), GOSSIP_SETTINGS.topicScoreMax, 'it stands for a beat')
    equal(scores.score(7, 0), 0)
    scores.misbehaved(7, 0)
    scores.misbehaved(7, 0)
    equal(scores.score(7, 999_999), 0)
    equal(Math.round(scores.score(7, 1_000_000) * 10), -16)
    equal(scores.score(6, 3_600_000_000), 0)
  })
})

describe('a histogram of delays', () => {
  it('is within a thousandth of each quantile', () => {
    const delays = fc.array(fc.integer({ min: 0, max: 10_000_000_000 }), { minLength: 1 })
    fc.assert(
      fc.property(delays, fc.integer({ min: 1, max: 1_000 }), (values, perMille) => {
        const histogram = new DelayHistogram()
        for (const us of values) histogram.add(us)
        const sorted = values.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(0, Math.ceil((sorted.length * perMille) / 1_000) - 1)] ?? 0
        const found = histogram.quantileUs(perMille)
        ok(found <= exact && found >= exact * 0.999 - 1, `${found} of ${exact}`)
      })
    )
  })
})

describe('the settings of gossip', () => {
  it('are the same for the product as for the model', () => {
    const set = GOSSIP_SETTINGS
    const options = gossipOptions(parseMeshId('5a'.repeat(32)))
    deepEqual(
      [options.D, options.Dlo, options.Dhi, options.Dlazy, options.Dscore, options.Dout],
      [
        set.degree,
        set.degreeMin,
        set.degreeMax,
        set.degreeLazy,
        set.degreeByScore,
        set.degreeOutbound
      ]
    )
    equal(options.gossipFactor, set.gossipPerMille / 1_000)
    equal(options.heartbeatInterval, set.heartbeatMs)
    equal(options.floodPublish, set.floodPublish)
    equal(options.idontwantMinDataSize, set.unwantedBytesMin)
    equal(options.opportunisticGraftTicks, set.opportunisticBeats)
    equal(options.scoreThresholds?.graylistThreshold, set.graylistThreshold)
    const topics = Object.values(options.scoreParams?.topics ?? {})
    equal(topics.length, TOPICS.length)
    for (const topic of topics) {
      equal(topic.firstMessageDeliveriesWeight, set.firstWeight)
      equal(topic.invalidMessageDeliveriesWeight, set.invalidWeight)
      deepEqual([topic.timeInMeshWeight, topic.meshMessageDeliveriesWeight], [0, 0])
    }
  })
})
