/** Watchers of a session: what each is told, and that nobody waits for them. */
import { deepEqual, equal } from 'node:assert/strict'
import { parseSessionId } from '#contracts'
import { SessionFeed } from '../../control/drivers/session-feed.ts'
import type { SessionProgress } from '../../control/session/progress.ts'

const session = parseSessionId(`s${'5e'.repeat(16)}`)
const progress = (unitsDone: number, nodes = 1): SessionProgress => ({
  unitsDone,
  unitsFailed: 0,
  unitsRunning: 1,
  unitsWaiting: 0,
  nodes,
  spentMicro: 0,
  budgetMicro: 1,
  task: 'run'
})

function running(): SessionFeed {
  const feed = new SessionFeed()
  feed.begin(session)
  return feed
}

async function all(steps: AsyncIterable<SessionProgress>): Promise<SessionProgress[]> {
  const seen: SessionProgress[] = []
  for await (const step of steps) seen.push(step)
  return seen
}

describe('the feed of a session', () => {
  it('tells of nodes that come and go, though no unit moves', async () => {
    const feed = running()
    feed.update(session, progress(1, 0))
    const steps = feed.follow(session)
    deepEqual((await steps.next()).value, progress(1, 0))
    const next = steps.next()
    feed.nodesChanged(3)
    deepEqual((await next).value, progress(1, 3))
    const last = steps.next()
    feed.nodesChanged(3)
    feed.end(session)
    equal((await last).done, true)
  })

  it('skips to the newest for a slow watcher', async () => {
    const feed = running()
    const seen = all(feed.follow(session))
    for (let done = 0; done < 100; done++) feed.update(session, progress(done))
    feed.end(session)
    deepEqual(await seen, [progress(99)])
  })

  it('ends for a watcher that goes away, and for none else', async () => {
    const feed = running()
    const gone = new AbortController()
    const [left, stays] = [all(feed.follow(session, gone.signal)), all(feed.follow(session))]
    gone.abort()
    deepEqual(await left, [])
    feed.update(session, progress(1))
    feed.end(session)
    deepEqual(await stays, [progress(1)])
  })

  it('says nothing of a session that does not run here', async () => {
    deepEqual(await all(new SessionFeed().follow(session)), [])
  })
})
