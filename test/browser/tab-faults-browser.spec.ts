/**
 * Browsers that lack what a donor would like to have, or lose what they kept, in front of a real mesh:
 * no GPU, no WebRTC, no private files, no room, no past. They work all the same, or the page says in
 * plain words what is missing.
 */
import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CDPSession, Page } from 'playwright-core'
import type { CommandRun } from '../support/kora-process.ts'
import { inLong } from '../support/long.ts'
import { until } from '../support/mesh-hosts.ts'
import {
  DonorTab,
  expectSound,
  LOGGED_DIALS,
  PATIENCE_MS,
  RECORDING
} from './support/donate-mesh.ts'
import { FaultMesh, LONG_TURNS, PAID_TURNS, takeAway } from './support/fault-mesh.ts'
import { openBrowser, type TestBrowser } from './support/open-browser.ts'

const MIB = 1024 * 1024
const BIG_MODEL = 'moonshine-tiny'
/** All of a recording in one unit, whoever runs it. */
const HEAR = {
  schema_version: 1,
  graph_id: 'hear',
  inputs: { audio: {} },
  budgets: {
    max_model_calls: 10,
    max_tokens: 1_000,
    max_cost_micro: 100_000,
    max_latency_ms: 600_000
  },
  tasks: [
    {
      id: 'decode',
      type: 'deterministic',
      handler: 'audio.decode',
      input: { file: { $input: 'audio' } }
    },
    {
      id: 'hear',
      type: 'model',
      model: BIG_MODEL,
      tier: 'large',
      input: { samples: { $task: 'decode', select: '/samples' } },
      budget: { max_tokens: 200, max_time_ms: 300_000, max_cost_micro: 6_000, max_retries: 3 }
    }
  ],
  outputs: { text: { $task: 'hear', select: '/text' } }
}

describe('a browser that lacks or loses something', function () {
  this.timeout(3 * PATIENCE_MS)
  const mesh = new FaultMesh()
  let browser: TestBrowser
  let tab: DonorTab

  before(async () => {
    await mesh.beginWithLoops()
    browser = await openBrowser({ expected: LOGGED_DIALS })
    mesh.started.add(browser, (one) => one.close())
  })
  after(() => mesh.end())
  afterEach(async () => {
    for (const page of browser.context.pages()) if (page.url() !== 'about:blank') await page.close()
    deepEqual(browser.faults(), [])
  })

  async function open(
    prepare?: (page: Page) => Promise<unknown>,
    link = mesh.up.donate_url
  ): Promise<void> {
    tab = await DonorTab.open(browser, link, prepare)
  }
  const without = (...names: readonly string[]) =>
    open((page) => page.addInitScript(takeAway, names))
  const devtools = (): Promise<CDPSession> => browser.context.newCDPSession(tab.page)
  const origin = (): string => new URL(mesh.up.donate_url).origin

  it('works on WASM over a WebSocket where there is neither WebGPU nor WebRTC', async () => {
    await without('RTCPeerConnection')
    await tab.start()
    equal(await tab.ways(), 'websocket')
    await mesh.earns(tab)
    match(await tab.text('.card-models'), /GPU \(WebGPU\)Not available/)
  })

  it('works where it has no private files, and keeps its models as long as the page lives', async () => {
    await without('StorageManager.prototype.getDirectory')
    await tab.start()
    await mesh.earns(tab)
  })

  for (const [names, says] of [
    [['RTCPeerConnection', 'WebSocket'], /neither WebRTC nor WebSocket/],
    [['WebAssembly'], /no WebAssembly/],
    [['indexedDB'], /keeps nothing/],
    [['Crypto.prototype.subtle'], /no Web Cryptography/],
    [['Worker'], /no workers/]
  ] as const) {
    it(`says what is missing without ${names.join(' and ')}`, async () => {
      await without(...names)
      await tab.is('blocked')
      match(await tab.sentence(), says)
    })
  }

  it('says so where it has no room left, and goes on where it was when there is some', async () => {
    await open()
    const cdp = await devtools()
    const quota = (quotaSize: number) =>
      cdp.send('Storage.overrideQuotaForOrigin', { origin: origin(), quotaSize })
    await quota(Number(await tab.page.evaluate(bytesKept)) + 4 * MIB)
    await tab.start()
    const peer = await tab.peerId()
    await mesh.earns(tab)
    await tab.page.evaluate(fillUp)
    const job = mesh.loops(PAID_TURNS)
    await tab.is('blocked')
    match(await tab.sentence(), /disk space/)
    await quota(500 * MIB)
    await tab.start()
    const result = await mesh.result(job)
    expectSound(result)
    await mesh.expectNothingTwice(result.session, [peer])
    await tab.page.reload()
    await tab.start()
    equal(await tab.peerId(), peer)
    await tab.showsCleared(await mesh.earnedMicro(peer))
    await mesh.verify()
  })

  it('says so where the link names another mesh, and where another tab works', async () => {
    await open(
      undefined,
      mesh.up.donate_url.replace(/mesh=[0-9a-f]{64}/, `mesh=${'ab'.repeat(32)}`)
    )
    await tab.press('Start')
    await tab.is('blocked')
    match(await tab.sentence(), /another mesh/)
    await tab.page.close()
    await open()
    await tab.start()
    const first = tab
    await open()
    await tab.press('Start')
    await tab.is('elsewhere')
    match(await tab.sentence(), /another tab/)
    await mesh.earns(first)
    await first.page.close()
    await tab.is('consent')
    await tab.start()
  })

  it('says so where its data was cleared in the middle of a unit, and begins as a new node', async () => {
    await open()
    await tab.start()
    await mesh.earns(tab)
    const peer = await tab.peerId()
    const cdp = await devtools()
    const clear = async (): Promise<void> => {
      await cdp.send('Storage.clearDataForOrigin', { origin: origin(), storageTypes: 'all' })
      await tab.is('blocked')
    }
    // a tab looks after what it keeps once a second
    await mesh.endsElsewhere(tab, clear, 3 * LONG_TURNS)
    match(await tab.sentence(), /cleared/)
    await tab.press('Start')
    await tab.is('consent')
    await tab.start()
    notEqual(await tab.peerId(), peer)
    await mesh.earns(tab)
    await mesh.verify()
  })

  inLong('goes on with a large model where a reload broke off its download', async () => {
    await open()
    const visits = [watchBlobs(tab.page)]
    const cdp = await devtools()
    await cdp.send('Network.enable')
    const slow = { offline: false, latency: 0, uploadThroughput: -1, downloadThroughput: 8 * MIB }
    await cdp.send('Network.emulateNetworkConditions', slow)
    await tab.start()
    const job = await hears()
    await share(0.5)
    await tab.page.reload()
    visits.push(watchBlobs(tab.page))
    await cdp.send('Network.emulateNetworkConditions', { ...slow, downloadThroughput: -1 })
    await tab.start()
    const result = await mesh.result(job)
    expectSound(result)
    match(String(result.outputs['text']), /^And so my fellow Americans/)
    const [first = [], second = []] = visits
    const [rest, ...more] = second.filter(({ status }) => status === 206)
    ok(rest !== undefined && more.length === 0, JSON.stringify(visits))
    const begun = first.find(({ path }) => path === rest.path)
    equal(begun?.status, 200)
    equal(rest.from + rest.bytes, begun?.bytes)
    // the second of its two files, a part of which was here
    ok(rest.from > MIB)
  })

  /** A job of one unit, of a model of some 28 MB. */
  async function hears(): Promise<CommandRun> {
    const file = join(await mesh.started.folder(), 'hear.json')
    writeFileSync(file, JSON.stringify(HEAR))
    return mesh.run(file, '--input', `audio=${RECORDING}`)
  }

  /** Waits until so much of the large model is here. */
  async function share(least: number): Promise<void> {
    const bar = tab.page.locator(`.row:has(.row-name:text-is("${BIG_MODEL}")) progress`)
    const isThere = async (): Promise<boolean> => {
      if ((await bar.count()) === 0) return false
      const seen = await bar.evaluate((one) =>
        one instanceof HTMLProgressElement ? one.position : 0
      )
      return seen >= least
    }
    await until(isThere, `${least} of ${BIG_MODEL}`, PATIENCE_MS)
  }
})

interface BlobAnswer {
  readonly path: string
  readonly status: number
  readonly from: number
  readonly bytes: number
}

/** What the page's host answers from now on where the page asks for a blob. */
function watchBlobs(page: Page): readonly BlobAnswer[] {
  const answers: BlobAnswer[] = []
  page.removeAllListeners('response')
  page.on('response', (response) => {
    const path = new URL(response.url()).pathname
    if (!path.includes('/blob/') || !response.ok()) return
    const from = Number(/bytes=(\d+)-/.exec(response.request().headers()['range'] ?? '')?.[1] ?? 0)
    const bytes = Number(response.headers()['content-length'])
    answers.push({ path, status: response.status(), from, bytes })
  })
  return answers
}

/** In the page: what its origin keeps. */
async function bytesKept(): Promise<number> {
  return (await navigator.storage.estimate()).usage ?? 0
}

/** In the page: takes all room that is left to its origin, to the last hundred bytes. */
async function fillUp(): Promise<void> {
  const opening = indexedDB.open('filler')
  opening.onupgradeneeded = () => opening.result.createObjectStore('bytes', { autoIncrement: true })
  await new Promise((done) => {
    opening.onsuccess = done
  })
  const isPut = (size: number): Promise<boolean> => {
    const bytes = crypto.getRandomValues(new Uint8Array(size))
    const change = opening.result.transaction('bytes', 'readwrite')
    change.objectStore('bytes').add(bytes)
    return new Promise((done) => {
      change.oncomplete = () => done(true)
      change.onabort = () => done(false)
    })
  }
  for (const size of [65_536, 4_096, 512, 100]) while (await isPut(size));
  opening.result.close()
}
