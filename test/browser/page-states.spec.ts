/**
 * The page in each of its main states, light and dark, wide and narrow: what axe finds, what
 * overflows, and pictures for people in the ignored folder `test/browser/.shots`.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { seriousFaults, showState, useScriptedPage } from './support/page-states.ts'
import { VIEWS } from './support/page-views.ts'

const SHOTS = fileURLToPath(new URL('.shots/', import.meta.url))
const WIDE = { width: 1280, height: 900 }
const PHONE = { width: 375, height: 740 }
/** Nothing may be cut off at twice this text size either (WCAG 1.4.10). */
const NARROWEST = { width: 320, height: 640 }

describe('the donate page', () => {
  const suite = useScriptedPage()
  let page: Page

  before(async () => {
    mkdirSync(SHOTS, { recursive: true })
    const { browser, server } = suite()
    page = await browser.open(server.url)
  })

  for (const name of Object.keys(VIEWS)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      it(`has nothing serious for axe when ${name}, ${colorScheme}`, async () => {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        await page.setViewportSize(WIDE)
        await showState(page, name)
        await page.screenshot({ path: `${SHOTS}${name}-${colorScheme}.png`, fullPage: true })
        deepEqual(await seriousFaults(page), [])
        deepEqual(suite().browser.faults(), [])
      })
    }

    it(`fits a phone when ${name}`, async () => {
      await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
      await page.setViewportSize(PHONE)
      await showState(page, name)
      await page.screenshot({ path: `${SHOTS}${name}-phone.png`, fullPage: true })
      for (const size of [PHONE, NARROWEST]) {
        await page.setViewportSize(size)
        const wider = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement
          return scrollWidth - clientWidth
        })
        equal(wider, 0, `at ${size.width}`)
      }
    })
  }

  it('stands still for who wants no motion', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await showState(page, 'working')
    equal(await page.evaluate(() => document.getAnimations().length), 0)
  })
})
