/**
 * The page in each of its main states, light and dark, wide and narrow: what axe finds, what
 * overflows, and pictures for people in the ignored folder `test/browser/.shots`.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { z } from 'zod'
import { bundleEntry, type EntryBundle } from './support/bundle-entry.ts'
import { VIEWS } from './support/page-views.ts'
import { useBrowser } from './support/use-browser.ts'

const SHOTS = fileURLToPath(new URL('.shots/', import.meta.url))
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const WIDE = { width: 1280, height: 900 }
const PHONE = { width: 375, height: 740 }

/** What is read of axe's report. */
const REPORT = z.object({
  violations: z.array(
    z.object({
      id: z.string(),
      impact: z.string().nullable(),
      nodes: z.array(z.object({ html: z.string(), failureSummary: z.string().optional() }))
    })
  )
})

async function seriousFaults(page: Page): Promise<readonly string[]> {
  // axe is injected through the debugger, which the page's policy does not bind
  await page.evaluate(AXE)
  const { violations } = REPORT.parse(await page.evaluate('axe.run(document)'))
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map((one) => `${one.html} ${one.failureSummary}`)}`)
}

describe('the donate page', () => {
  let bundle: EntryBundle | undefined
  const suite = useBrowser({
    folders: async () => {
      bundle = await bundleEntry('test/browser/support/page-entry.tsx')
      return [bundle.dir]
    },
    timezoneId: 'UTC'
  })
  before(() => mkdirSync(SHOTS, { recursive: true }))
  after(() => bundle?.remove())

  for (const name of Object.keys(VIEWS)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      it(`has nothing serious for axe when ${name}, ${colorScheme}`, async () => {
        const { browser, server } = suite()
        const page = await browser.open(`${server.url}?view=${name}`)
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        await page.setViewportSize(WIDE)
        await page.getByRole('heading', { level: 1 }).waitFor()
        await page.screenshot({ path: `${SHOTS}${name}-${colorScheme}.png`, fullPage: true })
        deepEqual(await seriousFaults(page), [])
        deepEqual(browser.faults(), [])
        await page.close()
      })
    }

    it(`fits a phone when ${name}`, async () => {
      const { browser, server } = suite()
      const page = await browser.open(`${server.url}?view=${name}`)
      await page.emulateMedia({ reducedMotion: 'reduce' })
      await page.setViewportSize(PHONE)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.screenshot({ path: `${SHOTS}${name}-phone.png`, fullPage: true })
      const wider = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth
      )
      equal(wider, 0)
      await page.close()
    })
  }
})
