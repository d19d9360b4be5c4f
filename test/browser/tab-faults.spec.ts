/**
 * Tabs that end or stop in the middle of a unit, in front of a real mesh: closed, loaded again, killed
 * with their browser, frozen, stopped, or with the worker gone that runs models. The unit goes
 * elsewhere, nothing is paid for what was not done, and nothing twice.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { inLong } from '../support/long.ts'
import { until } from '../support/mesh-hosts.ts'
import { DonorTab, LOGGED_DIALS, PATIENCE_MS } from './support/donate-mesh.ts'
import { FaultMesh, LONG_TURNS, renderersOf, watchWorkers } from './support/fault-mesh.ts'
import { openBrowser, type TestBrowser } from './support/open-browser.ts'

describe('a tab that ends or stops in the middle of a unit', function () {
  this.timeout(3 * PATIENCE_MS)
  const mesh = new FaultMesh()
  let profile = ''
  let browser: TestBrowser
  let tab: DonorTab

  const launch = async (): Promise<void> => {
    const settings = { folder: profile, expected: LOGGED_DIALS }
    browser = mesh.started.add(await openBrowser(settings), (one) => one.close())
  }

  before(async () => {
    await mesh.beginWithLoops()
    profile = await mesh.started.folder()
    await launch()
  })
  after(() => mesh.end())
  beforeEach(async () => {
    tab = await DonorTab.open(browser, mesh.up.donate_url)
  })
  afterEach(async () => {
    if (!tab.page.isClosed()) await tab.page.close()
    deepEqual(browser.faults(), [])
  })

  inLong('loses it to another node where it is closed', async () => {
    await tab.start()
    await mesh.endsElsewhere(tab, () => tab.page.close())
  })

  it('loses it where it is loaded again, starts nothing by itself, and is the same node then', async () => {
    await tab.start()
    const peer = await tab.peerId()
    await mesh.endsElsewhere(tab, async () => {
      await tab.page.reload()
      await tab.is('consent')
    })
    await tab.is('consent')
    await tab.start()
    equal(await tab.peerId(), peer)
    await mesh.earns(tab)
  })

  it('loses it where the browser is killed, and goes on with its key and its log', async () => {
    await tab.start()
    await mesh.earns(tab)
    const peer = await tab.peerId()
    await mesh.endsElsewhere(tab, async () => browser.kill())
    await browser.close()
    browser.faults()
    await launch()
    tab = await DonorTab.open(browser, mesh.up.donate_url)
    await tab.is('consent')
    await tab.start()
    equal(await tab.peerId(), peer)
    await mesh.earns(tab)
  })

  it('runs it again where the worker was lost that ran it', async () => {
    await tab.page.close()
    tab = await DonorTab.open(browser, mesh.up.donate_url, (page) =>
      page.addInitScript(watchWorkers)
    )
    await tab.start()
    const peer = await tab.peerId()
    const before = await mesh.earnedMicro(peer)
    const job = mesh.loops(LONG_TURNS)
    await tab.is('working')
    ok((await tab.page.evaluate('endWorkers("wasm-worker")')) === 1)
    const result = await mesh.result(job)
    await mesh.expectOnce(result, peer)
    const unit = result.units.find(({ task }) => task === 'run')
    equal(unit?.attempts, 2)
    const paid = result.bill.lines.reduce((sum, { micro }) => sum + micro, 0)
    ok(paid > 0)
    equal(await mesh.earnedMicro(peer), before + paid)
    await tab.showsCleared(before + paid)
    match(await tab.text('.card-units'), /Lost/)
  })

  inLong(
    'hands it back where the browser is about to freeze it, and works when it is thawed',
    async () => {
      await tab.start()
      const tell = (name: string) =>
        tab.page.evaluate((type) => document.dispatchEvent(new Event(type)), name)
      // headless browsers freeze no page, so that a test says what they would
      await mesh.endsElsewhere(tab, () => tell('freeze'))
      await tab.is('paused')
      await tell('resume')
      await tab.is('waiting')
      await mesh.earns(tab)
    }
  )

  inLong('finds out that it lost it where the machine slept longer than its lease', async () => {
    await tab.start()
    const peer = await tab.peerId()
    const lost = async (): Promise<number> =>
      tab.page.locator('.card-units .chip', { hasText: 'Lost' }).count()
    const before = await lost()
    const pids = await renderersOf(tab.page)
    await mesh.endsElsewhere(tab, async () => {
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
    })
    for (const pid of pids) process.kill(pid, 'SIGCONT')
    await until(async () => (await lost()) > before, 'the lost unit on the page', PATIENCE_MS)
    await tab.is('waiting')
    await mesh.earns(tab)
    equal(await tab.peerId(), peer)
    await mesh.verify()
  })
})
