/** The scripted page in a browser, brought from one state to the next, and what axe says of it. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { z } from 'zod'
import { bundleEntry, type EntryBundle } from './bundle-entry.ts'
import { type Suite, useBrowser } from './use-browser.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

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

export const useScriptedPage = (): (() => Suite) => useEntry('test/browser/support/page-entry.tsx')

/** Serves one entry and opens a browser for it; call it in a `describe`. */
export function useEntry(
  entry: string,
  headers: Readonly<Record<string, string>> = {}
): () => Suite {
  let bundle: EntryBundle | undefined
  after(() => bundle?.remove())
  return useBrowser({
    folders: async () => {
      bundle = await bundleEntry(entry)
      return [bundle.dir]
    },
    headers,
    timezoneId: 'UTC'
  })
}

/** Two frames on, so that what was drawn is on the screen. */
export async function showState(page: Page, name: string): Promise<void> {
  await page.evaluate(async (view) => {
    const { scripted, views } = Object(globalThis)
    scripted.show(views[view])
    const frame = () => new Promise((drawn) => requestAnimationFrame(drawn))
    await frame()
    await frame()
  }, name)
}

export async function commandsOf(page: Page): Promise<readonly string[]> {
  return z.array(z.string()).parse(await page.evaluate('scripted.commands'))
}

/** Its serious and critical findings, each with the elements. */
export async function seriousFaults(page: Page): Promise<readonly string[]> {
  // axe is injected through the debugger, which the page's policy does not bind
  await page.evaluate(AXE)
  const { violations } = REPORT.parse(await page.evaluate('axe.run(document)'))
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map((one) => `${one.html} ${one.failureSummary}`)}`)
}
