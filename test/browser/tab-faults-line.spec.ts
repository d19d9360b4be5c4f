/**
 * Tabs whose line, control node or clock fails in the midst of a real job: a line that is cut or falls
 * silent, a control node and relay that is killed or sleeps, a clock that is off by a day or is set
 * anew. The tab comes back by itself and works again; nothing is paid twice.
 */
import { deepEqual, equal, match } from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { ResultDocument } from '../support/kora-process.ts'
import { isLong } from '../support/long.ts'
import { CutLine } from './support/cut-line.ts'
import { DonorTab, LOGGED_DIALS, PATIENCE_MS } from './support/donate-mesh.ts'
import { FaultMesh, LONG_TURNS, shiftClock, takeAway, wallAround } from './support/fault-mesh.ts'
import { openBrowser, type TestBrowser } from './support/open-browser.ts'

const DAY_MS = 86_400_000

describe('a tab whose surroundings fail', function () {
  this.timeout(3 * PATIENCE_MS)
  const mesh = new FaultMesh()
  let browser: TestBrowser
  let line: CutLine
  let tab: DonorTab

  before(async () => {
    await mesh.beginWithLoops()
    line = mesh.started.add(await CutLine.before(wsPort()), (one) => one.close())
    browser = await openBrowser({ expected: LOGGED_DIALS })
    mesh.started.add(browser, (one) => one.close())
  })
  after(() => mesh.end())
  afterEach(async () => {
    line.mend()
    await tab.page.close()
    deepEqual(browser.faults(), [])
  })

  const wsAddress = (): string => mesh.up.addresses.find((one) => one.includes('/ws/')) ?? ''
  const wsPort = (): number => Number(/\/tcp\/(\d+)\//.exec(wsAddress())?.[1])

  /** The printed link, with the line that the test holds as the only way in. */
  const linkByLine = (): string => {
    const { origin, pathname } = new URL(mesh.up.donate_url)
    const peer = wsAddress().replace(`/tcp/${wsPort()}/`, `/tcp/${line.port}/`)
    return `${origin}${pathname}#mesh=${mesh.up.mesh}&peer=${peer}`
  }

  async function open(
    link = mesh.up.donate_url,
    prepare?: (page: Page) => Promise<unknown>
  ): Promise<void> {
    tab = await DonorTab.open(browser, link, prepare)
    await tab.start()
  }

  /** Behind a wall: whoever knows the node's other addresses would else come by them. */
  const openByLine = () =>
    open(linkByLine(), async (page) => {
      await page.addInitScript(takeAway, ['RTCPeerConnection'])
      await page.addInitScript(wallAround, line.port)
    })

  it('keeps its unit where the line breaks for a moment', async () => {
    await openByLine()
    const peer = await tab.peerId()
    const before = await mesh.earnedMicro(peer)
    const job = mesh.loops(LONG_TURNS)
    await tab.is('working')
    line.cut()
    await tab.isAlone()
    line.mend()
    const result = await mesh.result(job)
    await mesh.expectOnce(result, peer)
    equal(result.units.find(({ task }) => task === 'run')?.attempts, 1)
    const earned = await mesh.earnedMicro(peer)
    equal(earned, before + result.bill.total_micro)
    await tab.showsCleared(earned)
  })

  for (const [what, fail] of [
    ['is cut', () => line.cut()],
    ['falls silent', () => line.silence()]
  ] as const) {
    if (!isLong && what !== 'is cut') continue
    it(`loses its unit where the line ${what}, and is back by itself`, async () => {
      await openByLine()
      await mesh.endsElsewhere(tab, async () => fail())
      if (what === 'is cut') {
        await tab.is('joining')
        match(await tab.sentence(), /connection was lost|Looking for nodes/)
      }
      line.mend()
      await tab.is('waiting')
      await mesh.earns(tab)
    })
  }

  it('ends the job of a control node and relay that is killed and comes back', async () => {
    await open()
    const peer = await tab.peerId()
    const before = await mesh.earnedMicro(peer)
    const link = mesh.up.donate_url
    const job = mesh.loops(LONG_TURNS, LONG_TURNS)
    await tab.is('working')
    await mesh.up.run.kill()
    equal((await job.ended()).code === 0, false)
    await tab.isAlone()
    const { resumed, donate_url } = await mesh.begin()
    equal(donate_url, link)
    const [session = ''] = resumed
    const watched = await mesh.commands.ended('watch', session, '--data', mesh.data, '--json')
    equal(watched.code, 0, watched.err)
    const result = ResultDocument.parse(JSON.parse(watched.out.trim().split('\n').at(-1) ?? ''))
    equal(result.status, 'completed')
    await mesh.expectNothingTwice(session, [peer])
    const earned = await mesh.earnedMicro(peer)
    equal(earned, before + result.bill.total_micro)
    await tab.is('waiting')
    await tab.showsCleared(earned)
    await mesh.earns(tab)
    await mesh.verify()
  })

  it('ends the job of a control node that slept', async () => {
    await open()
    const peer = await tab.peerId()
    const before = await mesh.earnedMicro(peer)
    const job = mesh.loops(LONG_TURNS)
    await tab.is('working')
    const { child } = mesh.up.run
    child.kill('SIGSTOP')
    await tab.is('waiting', 'joining')
    child.kill('SIGCONT')
    const result = await mesh.result(job)
    await mesh.expectOnce(result, peer)
    const earned = await mesh.earnedMicro(peer)
    equal(earned, before + result.bill.total_micro)
    await tab.is('waiting')
    await tab.showsCleared(earned)
  })

  for (const days of isLong ? [1, -1] : [1]) {
    it(`works with a clock that is ${days > 0 ? 'a day ahead' : 'a day behind'}, and when it is set right`, async () => {
      await open(mesh.up.donate_url, (page) => page.addInitScript(shiftClock, days * DAY_MS))
      await mesh.earns(tab)
      const job = mesh.loops(LONG_TURNS)
      await tab.is('working')
      await tab.page.evaluate('setClock(0)')
      await mesh.expectOnce(await mesh.result(job), await tab.peerId())
      await mesh.earns(tab)
      await mesh.verify()
    })
  }
})
