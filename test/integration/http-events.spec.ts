/** Progress over HTTP as server-sent events: kept alive while nothing moves, and let go of with its reader. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { parseSessionId } from '#contracts'
import type { ControlService } from '../../control/drivers/control-service.ts'
import { HttpControl } from '../../control/drivers/http-client.ts'
import { startHttpServer } from '../../control/drivers/http-server.ts'
import { SessionFeed } from '../../control/drivers/session-feed.ts'
import type { SessionProgress } from '../../control/session/progress.ts'
import { Started, until } from '../support/mesh-hosts.ts'

const session = parseSessionId(`s${'5e'.repeat(16)}`)
const token = 'ab'.repeat(32)
const progress: SessionProgress = {
  unitsDone: 1,
  unitsFailed: 0,
  unitsRunning: 0,
  unitsWaiting: 0,
  nodes: 1,
  spentMicro: 0,
  budgetMicro: 1,
  task: 'run'
}

describe('events over HTTP', () => {
  let started: Started
  let feed: SessionFeed
  let url: string
  let watchers = 0

  before(async () => {
    started = new Started()
    feed = new SessionFeed()
    feed.begin(session)
    const service = {
      async *follow(id: typeof session, signal?: AbortSignal) {
        watchers++
        try {
          yield* feed.follow(id, signal)
        } finally {
          watchers--
        }
      }
    } as unknown as ControlService
    const server = await startHttpServer({ port: 0, token, service, keepAliveMs: 20 })
    started.add(server, (one) => one.close())
    url = server.url
  })
  after(() => started.endAll())

  it('say that they are still there, and end for a reader that goes away', async () => {
    const gone = new AbortController()
    const response = await fetch(`${url}/v1/sessions/${session}/events`, {
      headers: { authorization: `Bearer ${token}` },
      signal: gone.signal
    })
    const reader = response.body?.getReader()
    ok(reader !== undefined)
    let text = ''
    while ((text.match(/: still here\n\n/g) ?? []).length < 2) {
      const { value, done } = await reader.read()
      ok(!done)
      text += new TextDecoder().decode(value)
    }
    equal(watchers, 1)
    gone.abort()
    await until(() => watchers === 0, 'the end of the watch')
  })

  it('carry progress between the words that keep them alive', async () => {
    const file = { pid: 1, url, token, mesh: '', peer_id: '', addresses: [] }
    const seen: SessionProgress[] = []
    const watched = (async () => {
      for await (const step of new HttpControl(file).follow(session)) seen.push(step)
    })()
    await until(() => watchers === 1, 'a watcher')
    feed.update(session, progress)
    await until(() => seen.length === 1, 'progress')
    feed.end(session)
    await watched
    deepEqual(seen, [progress])
  })
})
