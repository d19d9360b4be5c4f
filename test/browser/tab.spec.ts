/**
 * A tab in a real mesh: the node of the donate page in Chromium, beside `kora up` and its gateway.
 * What it earns is compared with the ledger of the control node; what it keeps, with what is there
 * after a reload.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { z } from 'zod'
import { verifyReceipt } from '../../browser-node/tab/receipt.ts'
import type { TabView } from '../../browser-node/tab-contract.ts'
import { type CommandRun, Commands, ENDLESS, LoopFiles } from '../support/kora-process.ts'
import { Started, until } from '../support/mesh-hosts.ts'
import { bundleEntry, type EntryBundle } from './support/bundle-entry.ts'
import { useBrowser } from './support/use-browser.ts'

const PATIENCE_MS = 60_000
const PAUSE_MS_MAX = 250
/** The one unit per turn of the loop model: long enough to be seen, short enough to wait for. */
const SHORT_TURNS = [3, 4, 5]
const UpLine = z.object({
  donate_url: z.string(),
  mesh: z.string(),
  peer_id: z.string(),
  addresses: z.array(z.string())
})
const Sessions = z.object({
  sessions: z.array(z.object({ session: z.string(), status: z.string() }))
})
const Balances = z.object({ balances: z.record(z.string(), z.number()) })

describe('a tab in a real mesh', function () {
  this.timeout(4 * PATIENCE_MS)
  const started = new Started()
  const commands = new Commands(started)
  let bundle: EntryBundle | undefined
  let data = ''
  let loops: LoopFiles
  let fragment = ''
  let mesh = ''
  const suite = useBrowser({
    folders: async () => {
      bundle = await bundleEntry('test/browser/support/tab-entry.ts')
      return [bundle.dir]
    },
    // a browser logs every dial that nobody answers, and each file that the page's host has not
    expected: /net::ERR_|WebSocket connection to|404 \(Not Found\)/
  })

  before(async function () {
    this.timeout(PATIENCE_MS)
    data = join(await started.folder(), 'data')
    loops = new LoopFiles(await started.folder())
    equal((await commands.ended(...loops.addWords(data))).code, 0)
    // a lone tab's credit is cleared at once here
    await commands.json('init', '--trust', 'credibility', '--data', data)
    const run = commands.kora(['up', '--json', '--local-nodes', '0', '--data', data])
    const line = UpLine.parse(JSON.parse(await run.firstLine()))
    fragment = new URL(line.donate_url).hash
    mesh = line.mesh
  })
  after(async () => {
    await started.endAll()
    bundle?.remove()
  })
  afterEach(async () => {
    const { browser } = suite()
    for (const page of browser.context.pages()) if (page.url() !== 'about:blank') await page.close()
    deepEqual(browser.faults(), [])
  })

  const call = (page: Page, method: string, ...args: readonly unknown[]): Promise<unknown> =>
    page.evaluate(([name, given]) => Reflect.get(globalThis, 'bench')[String(name)](...given), [
      method,
      args
    ] as const)
  const view = async (page: Page): Promise<TabView> => (await call(page, 'view')) as TabView

  async function openPage(link = fragment): Promise<Page> {
    const { browser, server } = suite()
    const page = await browser.open(server.url)
    await page.waitForFunction('globalThis.bench !== undefined')
    await call(page, 'open', `${server.url}${link}`)
    return page
  }

  async function seen(
    page: Page,
    what: string,
    holds: (view: TabView) => boolean
  ): Promise<TabView> {
    let last = await view(page)
    await until(
      async () => {
        last = await view(page)
        return holds(last)
      },
      what,
      PATIENCE_MS
    ).catch((error: unknown) => {
      const { phase, detail, counts, lines, models } = last
      throw new Error(`${error}: ${JSON.stringify({ phase, detail, counts, lines, models })}`)
    })
    return last
  }

  async function joined(): Promise<Page> {
    const page = await openPage()
    await call(page, 'start')
    await seen(page, 'a tab that waits for work', ({ phase }) => phase === 'waiting')
    return page
  }

  const run = (turns: readonly number[]): CommandRun =>
    commands.kora(['run', loops.path('loops.json'), ...loops.inputWords(turns), '--data', data])

  /** A session outlives whoever asked for it, and its unit would keep the next tab busy. */
  async function cancelAll(): Promise<void> {
    const { sessions } = Sessions.parse(await commands.json('status', '--data', data))
    for (const { session, status } of sessions) {
      if (status !== 'running') continue
      equal((await commands.ended('cancel', session, '--data', data)).code, 0)
    }
  }

  it('asks first, then joins, runs units on WASM and earns what the ledger says', async () => {
    const page = await openPage()
    const before = await view(page)
    equal(before.phase, 'consent')
    equal(before.peers, 0)
    await call(page, 'start')
    await seen(page, 'a tab that waits for work', ({ phase }) => phase === 'waiting')
    await call(page, 'longTasksMs')
    const job = await run(SHORT_TURNS).ended()
    equal(job.code, 0, job.err)
    const after = await seen(page, 'credit for every unit', ({ lines, counts }) => {
      const cleared = lines.filter(({ state }) => state === 'cleared')
      return cleared.length === SHORT_TURNS.length && counts.done === SHORT_TURNS.length
    })
    deepEqual(new Set(after.lines.map(({ model }) => model)), new Set(['looping']))
    const { balances } = Balances.parse(await commands.json('ledger', 'balance', '--data', data))
    equal(after.creditMicro.cleared, balances[`node:${after.peerId}`])
    equal(
      after.creditMicro.cleared,
      after.lines.reduce((sum, { creditMicro }) => sum + creditMicro, 0)
    )
    ok((after.trust?.scorePermille ?? 0) > 500)
    deepEqual(
      after.trust?.changes.map(({ reason }) => reason),
      SHORT_TURNS.map(() => 'accepted')
    )
    ok(after.traffic.downBytes > 0 && after.traffic.upBytes > 0)
    await page.close()
  })

  it('gives a receipt that anybody can check off line', async () => {
    const page = await joined()
    const { lines, peerId } = await view(page)
    const unit = lines.find(({ hasReceipt }) => hasReceipt)?.unit ?? ''
    const bytes = Uint8Array.from(z.array(z.number()).parse(await call(page, 'receipt', unit)))
    const { failed, facts } = verifyReceipt(bytes)
    equal(failed, null)
    deepEqual([facts?.meshId, facts?.unit, facts?.node], [mesh, unit, peerId])
    await page.close()
  })

  it('is the same node after a reload, with its model, its units and its limits', async () => {
    const page = await joined()
    const before = await view(page)
    await call(page, 'setLimits', { intensityPercent: 80, cacheMb: 300 })
    await page.close()
    const again = await joined()
    const after = await view(again)
    equal(after.peerId, before.peerId)
    equal(after.counts.done, before.counts.done)
    deepEqual(
      after.lines.map(({ unit }) => unit),
      before.lines.map(({ unit }) => unit)
    )
    deepEqual([after.limits.intensityPercent, after.limits.cacheMb], [80, 300])
    equal(after.cacheBytes, before.cacheBytes)
    await call(again, 'setLimits', { intensityPercent: 100 })
    await again.close()
  })

  it('lets go of the machine within a quarter of a second, and the unit goes elsewhere', async () => {
    const page = await joined()
    const job = run([ENDLESS])
    await seen(page, 'a unit that runs', ({ phase }) => phase === 'working')
    const tookMs = z.number().parse(await call(page, 'pause'))
    ok(tookMs <= PAUSE_MS_MAX, `${tookMs} ms`)
    const paused = await view(page)
    equal(paused.phase, 'paused')
    equal(paused.lines[0]?.state, 'lost')
    equal(paused.lines[0]?.reason, 'released')
    ok(paused.peers > 0)
    await job.kill()
    await cancelAll()
    await page.close()
  })

  it('says that another tab works, and may start when that one is gone', async () => {
    const first = await joined()
    const second = await openPage()
    await call(second, 'start')
    const { phase, peers } = await view(second)
    deepEqual([phase, peers], ['elsewhere', 0])
    await first.close()
    await seen(second, 'a place that is free', (one) => one.phase === 'consent')
    await call(second, 'start')
    await seen(second, 'a tab that waits for work', (one) => one.phase === 'waiting')
    await second.close()
  })

  it('begins a new log where its ledger was cleared, and nobody is accused', async () => {
    const page = await joined()
    const { peerId } = await view(page)
    await call(page, 'close')
    await page.evaluate(async () => {
      for (const { name = '' } of await indexedDB.databases()) {
        if (!name.includes('ledger')) continue
        const gone = indexedDB.deleteDatabase(name)
        await new Promise((done) => gone.addEventListener('success', done))
      }
    })
    await page.close()
    const again = await joined()
    equal((await view(again)).peerId, peerId)
    const job = await run([2]).ended()
    equal(job.code, 0, job.err)
    await seen(again, 'credit in the new log', ({ lines }) => lines[0]?.state === 'cleared')
    await again.close()
  })

  it('says so where the link names a mesh that nobody there is in', async () => {
    const page = await openPage(fragment.replace(/mesh=[0-9a-f]{64}/, `mesh=${'ab'.repeat(32)}`))
    await call(page, 'start')
    const { phase, detail } = await view(page)
    deepEqual([phase, detail?.key], ['blocked', 'blocked.other_mesh'])
    await page.close()
  })

  it('says so where the link cannot be read', async () => {
    const page = await openPage('#mesh=nonsense')
    const { phase, detail } = await view(page)
    deepEqual([phase, detail?.key], ['blocked', 'blocked.bad_link'])
    await page.close()
  })
})
