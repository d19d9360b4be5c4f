/**
 * A mesh whose units take as long as a test says, for tabs to which something happens: what a unit
 * that is hit must come to, and what a tab must do afterwards. Tabs are driven and read through the
 * page alone.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { z } from 'zod'
import { type CommandRun, LoopFiles, npy } from '../../support/kora-process.ts'
import { loopingModel } from '../../support/onnx-builder.ts'
import { acceptedBy, DonateMesh, type DonorTab, type Executed, expectSound } from './donate-mesh.ts'

/** Turns of the looping model that cost more than nothing. */
export const PAID_TURNS = 5_000
/** Some seconds in a tab: long enough to be hit, short enough to wait for elsewhere. */
export const LONG_TURNS = 600_000

/** A kilobyte of them. */
const FLOATS = 256

const Item = z.looseObject({
  unit: z.string(),
  attempt: z.number().optional(),
  node: z.string().optional()
})
type Item = z.infer<typeof Item>
const Entry = z.object({
  kind: z.string(),
  body: z
    .looseObject({ session: z.string().optional(), items: z.array(Item).optional() })
    .nullable()
})

export class FaultMesh extends DonateMesh {
  #files: LoopFiles | undefined
  #runs = 0
  #nodes = 0

  /** The looping model, in the folder before `kora up` reads it; then `kora up`. */
  async beginWithLoops(): Promise<void> {
    await this.prepare()
    const files = new LoopFiles(await this.started.folder())
    // nothing times two, as often as one likes; prices are by the input's size, from a kilobyte on
    files.write('looping.onnx', loopingModel(FLOATS))
    files.write('one.npy', npy('<f4', new Array<number>(FLOATS).fill(0)))
    files.write('few.npy', npy('<i8', [PAID_TURNS]))
    const { code, err } = await this.commands.ended(...files.addWords(this.data))
    equal(code, 0, err)
    this.#files = files
    await this.begin()
  }

  /** One unit for each number, run anew. */
  loops(...turns: readonly number[]): CommandRun {
    const files = this.#files
    ok(files !== undefined, 'beginWithLoops comes first')
    const words = files.inputWords(turns, `turns-${++this.#runs}.npy`)
    return this.run(files.path('loops.json'), ...words, '--no-cache')
  }

  /** A unit that only this tab can run is done, and the tab is paid for it as its page says. */
  async earns(tab: DonorTab): Promise<Executed> {
    const peer = await tab.peerId()
    const result = await this.result(this.loops(PAID_TURNS))
    expectSound(result)
    deepEqual(acceptedBy(result, peer), ['run'])
    deepEqual(
      result.bill.lines.map(({ node, micro }) => [node, micro > 0]),
      [[peer, true]]
    )
    await tab.showsCleared(await this.earnedMicro(peer))
    return result
  }

  /**
   * A job of one unit that the tab has begun when `hit` is called; a node that joins after it ends the
   * job. Nothing is paid to the tab, and nothing twice.
   */
  async endsElsewhere(
    tab: DonorTab,
    hit: () => Promise<unknown>,
    turns = LONG_TURNS
  ): Promise<Executed> {
    const job = this.loops(turns)
    await tab.is('working')
    await hit()
    const { peer_id, run } = await this.node(`node-${++this.#nodes}`)
    try {
      const result = await this.result(job)
      await this.expectOnce(result, peer_id)
      return result
    } finally {
      // it must not take the units of the next test
      await run.kill()
    }
  }

  /** The one unit of a session was accepted once, from this node, which alone is paid. */
  async expectOnce(result: Executed, node: string): Promise<void> {
    expectSound(result)
    equal(result.status, 'completed')
    ok(result.outputs['y'] !== undefined)
    const unit = result.units.find(({ task }) => task === 'run')
    equal(unit?.node, node, JSON.stringify(unit))
    const accepted = unit?.executions.filter(({ verdict }) => verdict === 'accepted') ?? []
    deepEqual(
      accepted.map((one) => one.node),
      [node]
    )
    ok(result.bill.total_micro > 0)
    deepEqual(
      result.bill.lines.map((line) => line.node),
      [node]
    )
    await this.expectNothingTwice(result.session, [node])
  }

  /** In the ledger no attempt of the session is reserved twice; each unit is accepted once, from these. */
  async expectNothingTwice(session: string, nodes: readonly string[]): Promise<void> {
    const { out, code, err } = await this.commands.ended('ledger', 'export', '--data', this.data)
    equal(code, 0, err)
    const entries = out
      .trim()
      .split('\n')
      .map((line) => Entry.parse(JSON.parse(line)))
    const items = (kind: string) =>
      entries
        .filter((entry) => entry.kind === kind && entry.body?.session === session)
        .flatMap(({ body }) => body?.items ?? [])
    const nameOf = ({ unit, attempt }: Item): string => `${unit} ${attempt}`
    const reserved = new Map(items('units.reserved').map((item) => [nameOf(item), item.node ?? '']))
    equal(reserved.size, items('units.reserved').length, 'no attempt is reserved twice')
    const accepted = items('units.accepted')
    ok(accepted.length > 0)
    equal(new Set(accepted.map(({ unit }) => unit)).size, accepted.length)
    for (const item of accepted) ok(nodes.includes(reserved.get(nameOf(item)) ?? ''))
  }
}

/** For `addInitScript`: a browser that lacks these. A dot leads into an object or a prototype. */
export function takeAway(names: readonly string[]): void {
  for (const name of names) {
    const path = name.split('.')
    const last = path.pop() ?? ''
    const place = path.reduce((object: object, key) => Reflect.get(object, key), globalThis)
    Object.defineProperty(place, last, { value: undefined, configurable: true })
  }
}

/** For `addInitScript`: a browser behind a wall that lets WebSockets to this port alone through. */
export function wallAround(port: number): void {
  const Original = globalThis.WebSocket
  globalThis.WebSocket = class extends Original {
    constructor(url: string | URL, protocols?: string | string[]) {
      // port 9 discards whatever comes: Chromium dials it never
      super(new URL(url).port === String(port) ? url : 'ws://127.0.0.1:9/', protocols)
    }
  }
}

/** For `addInitScript`: a machine whose clock is off, and that a test sets anew by `setClock(ms)`. */
export function shiftClock(byMs: number): void {
  const Original = Date
  let shiftMs = byMs
  const now = (): number => Original.now() + shiftMs
  globalThis.Date = new Proxy(Original, {
    construct: (target, given) =>
      given.length === 0 ? new target(now()) : Reflect.construct(target, given),
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name))
  })
  Reflect.set(globalThis, 'setClock', (ms: number) => {
    shiftMs = ms
  })
}

/** For `addInitScript`: `endWorkers(part)` ends the workers whose address has that part, as a crash would. */
export function watchWorkers(): void {
  const all: { readonly url: string; readonly worker: Worker }[] = []
  const Original = globalThis.Worker
  globalThis.Worker = class extends Original {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options)
      all.push({ url: String(url), worker: this })
    }
  }
  Reflect.set(globalThis, 'endWorkers', (part: string) => {
    const found = all.splice(0).filter(({ url }) => url.includes(part))
    for (const { worker } of found) worker.terminate()
    return found.length
  })
}

/** Process ids of everything that draws or runs a page of that browser. */
export async function renderersOf(page: Page): Promise<readonly number[]> {
  const browser = page.context().browser()
  ok(browser !== null)
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
}
