/**
 * One headless Chromium with a profile of its own, where asked for with a WebGPU adapter in software.
 *
 * Whatever a page throws, logs as an error or has refused by its policy fails the test that asks
 * `faults()`; nothing is kept after `close()`. It never loads anything from outside loopback.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page
} from 'playwright-core'
import { childrenOf } from '../../support/kora-process.ts'
import { chromiumPath } from './chromium.ts'

/** Seen to give a WebGPU adapter (SwiftShader, without f16). */
const GPU_FLAGS = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']
/** Pictures are drawn without a GPU process in software, which takes a third less of a processor. */
const NO_GPU_FLAGS = ['--disable-gpu']
/** Seen to leave no traffic of the browser's own. */
const FLAGS = [
  '--no-sandbox',
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
  /** SIGKILL to the browser and all its processes, as a crash of the machine would look to others. */
  readonly kill: () => void
  readonly close: () => Promise<void>
}

export interface BrowserSettings extends BrowserContextOptions {
  /** Flags beyond the usual ones. */
  readonly flags?: readonly string[]
  /** A profile that outlives the browser and is its owner's to remove; by default one of its own. */
  readonly folder?: string
  /** With a WebGPU adapter. */
  readonly gpu?: boolean
  /** Errors that a test brings about on purpose. */
  readonly expected?: RegExp
}

export async function openBrowser(settings: BrowserSettings = {}): Promise<TestBrowser> {
  const { flags = [], gpu = false, expected, folder: kept, ...options } = settings
  const folder = kept ?? mkdtempSync(join(tmpdir(), 'kora-browser-'))
  const remove = (): void => {
    if (kept !== undefined) return
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
  const context = await chromium
    .launchPersistentContext(folder, {
      executablePath: chromiumPath(),
      headless: true,
      args: [...FLAGS, ...(gpu ? GPU_FLAGS : NO_GPU_FLAGS), ...flags],
      chromiumSandbox: false,
      ...options
    })
    .catch((error: unknown) => {
      remove()
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
    kill: () => {
      for (const pid of processesOf(folder)) killNow(pid)
    },
    close: async () => {
      await context.close()
      remove()
    }
  }
}

/** The browser with that profile, and what it started: all below this process. */
function processesOf(folder: string): number[] {
  const own = childrenOf(process.pid).find((pid) => commandOf(pid).includes(`=${folder}\0`))
  return own === undefined ? [] : [own, ...childrenOf(own)]
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** One that ended with its parent is none any more. */
function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}
