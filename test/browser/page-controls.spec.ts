/** The page under a keyboard and to a screen reader: what is reached, what it is called, what it does. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { commandsOf, showState, useScriptedPage } from './support/page-states.ts'
import { VIEWS } from './support/page-views.ts'

/** More stops than the page has. */
const TABS_MAX = 80

describe('the controls of the donate page', () => {
  const suite = useScriptedPage()
  let page: Page

  beforeEach(async () => {
    const { browser, server } = suite()
    page = await browser.open(server.url)
    await page.emulateMedia({ reducedMotion: 'reduce' })
  })

  afterEach(async () => {
    await page.close()
    deepEqual(suite().browser.faults(), [])
  })

  const focused = (): Promise<string> =>
    page.evaluate(() => {
      const at = document.activeElement
      if (!(at instanceof HTMLElement) || at === document.body) return ''
      const labels = at instanceof HTMLInputElement ? [...(at.labels ?? [])] : []
      const name = at.getAttribute('aria-label') ?? labels[0]?.textContent ?? at.textContent
      return name.trim()
    })

  /** Presses Tab until the control of that name has the focus. */
  async function tabTo(name: string): Promise<void> {
    for (let press = 0; press < TABS_MAX; press++) {
      await page.keyboard.press('Tab')
      if ((await focused()) === name) return
    }
    throw new Error(`the keyboard does not reach ${name}`)
  }

  it('do nothing by themselves', async () => {
    await showState(page, 'consent')
    deepEqual(await commandsOf(page), [])
  })

  for (const name of Object.keys(VIEWS)) {
    it(`offer one large button that begins with Start or Pause when ${name}`, async () => {
      await showState(page, name)
      const buttons = page.getByRole('button', { name: /^(Start|Pause)/ })
      equal(await buttons.count(), 1)
      const box = await buttons.boundingBox()
      ok((box?.height ?? 0) >= 56)
    })
  }

  it('start and pause under the keyboard, with the focus kept', async () => {
    await tabTo('Start donating')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: /^Pause/ }).waitFor()
    match(await focused(), /^Pause/)
    await page.keyboard.press('Space')
    await page.getByRole('button', { name: /^Start/ }).waitFor()
    match(await focused(), /^Start/)
    deepEqual(await commandsOf(page), ['start', 'pause'])
  })

  it('finish a unit and then pause', async () => {
    await showState(page, 'working')
    await page.getByRole('button', { name: 'Finish this unit, then pause' }).click()
    await page.getByRole('heading', { level: 1, name: 'Finishing up' }).waitFor()
    deepEqual(await commandsOf(page), ['finishThenPause'])
  })

  it('lift a hold with one press', async () => {
    await showState(page, 'held')
    await tabTo('Work on battery')
    await page.keyboard.press('Enter')
    deepEqual(await commandsOf(page), ['override battery'])
    await page.getByText('paused until it is plugged in').waitFor({ state: 'detached' })
  })

  it('set every limit under the keyboard', async () => {
    await tabTo('Intensity')
    await page.keyboard.press('ArrowLeft')
    await tabTo('Use the graphics chip (GPU)')
    await page.keyboard.press('Space')
    await tabTo('Memory, MiB')
    await page.keyboard.press('ControlOrMeta+a')
    await page.keyboard.type('2048')
    await page.keyboard.press('Enter')
    await tabTo('Only at certain hours')
    await page.keyboard.press('Space')
    await tabTo('Pause after a number of units')
    await page.keyboard.press('Space')
    deepEqual(await commandsOf(page), [
      'setLimits {"intensityPercent":65}',
      'setLimits {"gpu":false}',
      'setLimits {"memoryMb":2048}',
      'setLimits {"schedule":{"fromMin":1320,"toMin":420}}',
      'setLimits {"stopAfterUnits":20}'
    ])
  })

  it('take no limit outside its bounds', async () => {
    const memory = page.getByLabel('Memory, MiB')
    for (const text of ['1', '999999', '']) {
      await memory.fill(text)
      await memory.press('Enter')
      await memory.blur()
    }
    deepEqual(await commandsOf(page), ['setLimits {"memoryMb":256}', 'setLimits {"memoryMb":4096}'])
    equal(await memory.inputValue(), '4096')
  })

  it('lead from a line of credit to its unit and its receipt', async () => {
    await showState(page, 'working')
    const line = page.getByRole('row', { name: /Cleared/ }).first()
    await line.getByRole('link').press('Enter')
    const unit = page.locator('details[open]')
    await unit.waitFor()
    equal(await page.evaluate(() => document.activeElement?.tagName), 'SUMMARY')
    const download = page.waitForEvent('download')
    await unit.getByRole('button', { name: 'Download the signed receipt' }).click()
    match((await download).suggestedFilename(), /^receipt-bafyrei/)
    const [command = ''] = await commandsOf(page)
    match(command, /^receipt bafyrei/)
    match(new URL(page.url()).hash, /^$/)
  })

  it('say what failed, and what to do', async () => {
    await page.evaluate("scripted.failsWith = 'the mesh is on fire'")
    await page.getByRole('button', { name: /^Start/ }).click()
    const alert = page.getByRole('alert')
    await alert.getByText('the mesh is on fire').waitFor()
  })

  it('say a change of phase once and leave progress unsaid', async () => {
    await showState(page, 'working')
    const status = page.getByRole('status')
    equal(await status.textContent(), 'Working.')
    await page.evaluate(() => {
      const { scripted, views } = Object(globalThis)
      const { counts, current } = views.working
      scripted.show({
        counts: { ...counts, done: counts.done + 5 },
        current: [{ ...current[0], progress: 0.9 }]
      })
    })
    await page.getByText('90 %').waitFor()
    equal(await status.textContent(), 'Working.')
  })

  it('say of a refused backend what it means, and the code to whoever points at it', async () => {
    await showState(page, 'working')
    const why = page.locator('.why')
    match((await why.textContent()) ?? '', /^GPU \(WebGPU\): [A-Z].*\.$/)
    match((await why.getAttribute('title')) ?? '', /executor\.memory_exceeded \{/)
  })

  it('show the history as a table too', async () => {
    await showState(page, 'working')
    await page.getByText('The same as a table').press('Enter')
    equal(await page.getByRole('row', { name: /^09:30/ }).count(), 1)
    match(
      (await page.getByRole('img', { name: /Plot of/ }).getAttribute('aria-label')) ?? '',
      /Units/
    )
    await page.getByRole('radio', { name: 'Data' }).check({ force: true })
    await page.getByRole('img', { name: /Plot of Data/ }).waitFor()
  })
})
