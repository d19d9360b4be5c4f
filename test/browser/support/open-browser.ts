/**
 * One headless Chromium with a profile of its own and a WebGPU adapter in software.
 *
 * Whatever a page throws, logs as an error or has refused by its policy fails the test that asks
 * `faults()`; nothing is kept after `close()`. It never loads anything from outside loopback.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page
} from 'playwright-core'
import { chromiumPath } from './chromium.ts'

/** Seen to give a WebGPU adapter (SwiftShader, without f16) and no traffic of the browser's own. */
const FLAGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]

export interface TestBrowser {
  readonly context: BrowserContext
  /** A page whose errors count. */
  readonly open: (url: string) => Promise<Page>
  /** What went wrong in the pages since the last call. */
  readonly faults: () => readonly string[]
  readonly close: () => Promise<void>
}

export interface BrowserSettings extends BrowserContextOptions {
  /** Flags beyond the usual ones. */
  readonly flags?: readonly string[]
  /** Errors that a test brings about on purpose. */
  readonly expected?: RegExp
}

export async function openBrowser(settings: BrowserSettings = {}): Promise<TestBrowser> {
  const { flags = [], expected, ...options } = settings
  const folder = mkdtempSync(join(tmpdir(), 'kora-browser-'))
  const context = await chromium
    .launchPersistentContext(folder, {
      executablePath: chromiumPath(),
      headless: true,
      args: [...FLAGS, ...flags],
      chromiumSandbox: false,
      ...options
    })
    .catch((error: unknown) => {
      rmSync(folder, { recursive: true, force: true })
      throw error
    })
  let faults: string[] = []
  const fault = (text: string) => {
    if (expected?.test(text) !== true) faults.push(text)
  }
  const watch = (page: Page): void => {
    page.on('pageerror', (error) => fault(`thrown: ${error.stack ?? error.message}`))
    page.on('crash', () => fault('the page crashed'))
    page.on('console', (message) => {
      if (message.type() === 'error') fault(`logged: ${message.text()} ${message.location().url}`)
    })
  }
  context.on('page', watch)
  for (const page of context.pages()) watch(page)
  return {
    context,
    open: async (url) => {
      const page = await context.newPage()
      await page.goto(url)
      return page
    },
    faults: () => {
      const seen = faults
      faults = []
      return seen
    },
    close: async () => {
      await context.close()
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    }
  }
}
