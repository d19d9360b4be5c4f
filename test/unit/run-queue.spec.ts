/** The queue before a tab's executor: order, withdrawal and bound, without a browser. */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { MeshError } from '#contracts'
import { browserName } from '../../browser-node/exec/gpu.ts'
import { RunQueue } from '../../browser-node/exec/run-queue.ts'
import { code } from '../support/expect-code.ts'

describe('the queue of a lane', () => {
  it('runs one after the other, in order of arrival, whatever fails', async () => {
    const queue = new RunQueue(8)
    const seen: string[] = []
    const first = Promise.withResolvers<void>()
    const work = (name: string, until: Promise<void>) => async () => {
      seen.push(`${name} begins`)
      await until
      seen.push(`${name} ends`)
      if (name === 'b') throw new MeshError('executor.crashed')
    }
    const all = [
      queue.add(undefined, work('a', first.promise)),
      queue.add(undefined, work('b', Promise.resolve())),
      queue.add(undefined, work('c', Promise.resolve()))
    ]
    deepEqual([queue.running, queue.waiting], [1, 2])
    first.resolve()
    const settled = await Promise.allSettled(all)
    deepEqual(
      settled.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled']
    )
    deepEqual(seen, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
    deepEqual([queue.running, queue.waiting], [0, 0])
  })

  it('finds the place free when a result is heard of', async () => {
    const queue = new RunQueue(1)
    await queue.add(undefined, () => Promise.resolve())
    equal(queue.running, 0)
  })

  it('lets a caller take back what waits, and leaves what runs to its worker', async () => {
    const queue = new RunQueue(8)
    const first = Promise.withResolvers<string>()
    const abort = new AbortController()
    const running = queue.add(abort.signal, () => first.promise)
    const waiting = queue.add(abort.signal, () => Promise.resolve('never'))
    abort.abort()
    await rejects(waiting, code('executor.cancelled'))
    await rejects(
      queue.add(abort.signal, () => Promise.resolve()),
      code('executor.cancelled')
    )
    first.resolve('done')
    equal(await running, 'done')
  })

  it('refuses more than its bound, and drops what waits with the reason given', async () => {
    const queue = new RunQueue(1)
    const first = Promise.withResolvers<void>()
    const running = queue.add(undefined, () => first.promise)
    const waiting = queue.add(undefined, () => Promise.resolve())
    await rejects(
      queue.add(undefined, () => Promise.resolve()),
      code('executor.queue_full')
    )
    queue.drop(new MeshError('executor.switched_off'))
    await rejects(waiting, code('executor.switched_off'))
    first.resolve()
    await running
  })
})

describe('the name of a browser in a class of results', () => {
  const cases: Readonly<Record<string, string>> = {
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36':
      'chromium-156',
    'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0': 'firefox-140',
    'Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15':
      'safari-19',
    '': 'browser'
  }
  for (const [userAgent, name] of Object.entries(cases)) {
    it(`${name} is engine and major version alone`, () => equal(browserName(userAgent), name))
  }
})
