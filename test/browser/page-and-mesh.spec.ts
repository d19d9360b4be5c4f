/**
 * The donate page as `kora up` serves it, with its own tab in a real mesh: what it says before anybody
 * joins, and how it stands while a rule of the owner holds it. Battery and line are scripted, for no
 * test machine has them.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { z } from 'zod'
import { Commands, PATIENCE_MS } from '../support/kora-process.ts'
import { Started } from '../support/mesh-hosts.ts'
import { seriousFaults } from './support/page-states.ts'
import { useBrowser } from './support/use-browser.ts'

const PURPOSE = 'Transcribing the recordings of a public library.'
const UpLine = z.object({ donate_url: z.string(), mesh: z.string() })
/** Readings that a test sets as the machine would. */
const SCRIPTED_MACHINE = `
  globalThis.machine = { charging: true, saveData: false }
  const battery = new EventTarget()
  Object.defineProperty(battery, 'charging', { get: () => machine.charging })
  const line = new EventTarget()
  Object.defineProperty(line, 'saveData', { get: () => machine.saveData })
  Navigator.prototype.getBattery = async () => battery
  Object.defineProperty(Navigator.prototype, 'connection', { get: () => line })
  globalThis.becomes = (change) => {
    Object.assign(machine, change)
    battery.dispatchEvent(new Event('chargingchange'))
    line.dispatchEvent(new Event('change'))
  }
`

describe('the page of kora up', function () {
  this.timeout(2 * PATIENCE_MS)
  const started = new Started()
  const commands = new Commands(started)
  let link = ''
  let page: Page
  const suite = useBrowser({ folders: async () => [await started.folder()] })

  before(async () => {
    const data = await started.folder()
    const config = join(await started.folder(), 'kora.yaml')
    await writeFile(config, `purpose: ${PURPOSE}\n`)
    const run = commands.kora([
      'up',
      '--json',
      '--local-nodes',
      '0',
      '--data',
      data,
      '--config',
      config
    ])
    link = UpLine.parse(JSON.parse(await run.firstLine())).donate_url
  })
  after(() => started.endAll())

  beforeEach(async () => {
    page = await suite().browser.context.newPage()
    page.setDefaultTimeout(PATIENCE_MS)
    await page.addInitScript(SCRIPTED_MACHINE)
  })
  afterEach(async () => {
    await page.close()
    deepEqual(suite().browser.faults(), [])
  })

  const heading = (name: string) => page.getByRole('heading', { level: 1, name }).waitFor()
  const becomes = (change: string) => page.evaluate(`becomes(${change})`)
  async function joined(): Promise<void> {
    await page.goto(link)
    await page.getByRole('button', { name: 'Start donating' }).click()
    await heading('Ready for work')
  }

  it('names who asks, what for and which models before anything is joined or fetched', async () => {
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    const sockets: string[] = []
    page.on('websocket', (socket) => sockets.push(socket.url()))
    await page.goto(link)
    const consent = page.getByRole('region', { name: 'Before you start' })
    await consent.getByText(PURPOSE).waitFor()
    const text = (await consent.textContent()) ?? ''
    match(text, /kora, operated by …/)
    for (const model of ['silero-vad', 'moonshine-tiny']) ok(text.includes(model), text)
    match(text, /[\d.]+\sMiB, MIT/)
    equal(await page.getByText('bafy').count(), 0)
    deepEqual(sockets, [])
    equal(asked.filter((path) => path.startsWith('/blob/')).length, 0)
    deepEqual(await seriousFaults(page), [])
  })

  it('says plainly that nothing is known where the host of the page knows no mesh', async () => {
    await page.route('**/mesh/*', (route) =>
      route.fulfill({ body: 'not a notice', contentType: 'application/octet-stream' })
    )
    await page.goto(link)
    await page.getByText('The operator of this mesh does not say what it is for.').waitFor()
    await page.getByText('The operator does not say beforehand.').waitFor()
  })

  it('is on hold on battery, goes on at one press, and holds anew the next time', async () => {
    await joined()
    await becomes('{ charging: false }')
    await heading('On hold')
    await page.getByText('On battery: paused until it is plugged in').first().waitFor()
    equal(await page.getByRole('button', { name: /^Pause/ }).count(), 1)
    await page.getByRole('status').getByText('On hold. On battery').waitFor()
    await page.getByRole('button', { name: 'Work on battery' }).click()
    await heading('Ready for work')
    await becomes('{ charging: true }')
    await becomes('{ charging: false }')
    await heading('On hold')
    await becomes('{ charging: true }')
    await heading('Ready for work')
  })

  it('is on hold on a metered line, and paused where its owner paused it', async () => {
    await joined()
    await becomes('{ saveData: true }')
    await heading('On hold')
    await page.getByRole('button', { name: 'Use this connection' }).waitFor()
    await page.getByRole('button', { name: /^Pause/ }).click()
    await heading('Paused')
    await becomes('{ saveData: false }')
    await page.getByText('On a metered connection').first().waitFor({ state: 'detached' })
    await heading('Paused')
    await page.getByRole('button', { name: /^Start/ }).click()
    await heading('Ready for work')
  })

  it('begins on hold where it is started on battery', async () => {
    await page.addInitScript('machine.charging = false')
    await page.goto(link)
    await page.getByRole('button', { name: 'Start donating' }).click()
    await heading('On hold')
    await page.getByRole('button', { name: 'Work on battery' }).click()
    await heading('Ready for work')
  })
})
