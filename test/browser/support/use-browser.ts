/**
 * A browser and a server for one suite, begun before its tests and gone after them, whatever fails.
 * The folders are made by the suite's own function, so that a bundle is built once.
 */
import { type BrowserSettings, openBrowser, type TestBrowser } from './open-browser.ts'
import { type StaticServer, startStaticServer } from './static-server.ts'

export interface Suite {
  readonly browser: TestBrowser
  readonly server: StaticServer
}

interface SuiteOptions extends BrowserSettings {
  readonly folders: () => Promise<readonly string[]>
  /** In place of the page's headers, where the suite is about another site. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A first bundle and a first start of Chromium on a busy machine. */
const START_LIMIT_MS = 180_000

/** Call it in a `describe`; the function it gives works inside tests and hooks. */
export function useBrowser({ folders, headers = {}, ...settings }: SuiteOptions): () => Suite {
  let suite: Partial<Suite> = {}

  before(async function () {
    this.timeout(START_LIMIT_MS)
    const server = await startStaticServer({ folders: await folders(), headers })
    suite = { server }
    suite = { server, browser: await openBrowser(settings) }
  })

  after(async () => {
    await suite.browser?.close()
    await suite.server?.close()
  })

  return () => {
    const { browser, server } = suite
    if (browser === undefined || server === undefined) throw new Error('the suite has not begun')
    return { browser, server }
  }
}
