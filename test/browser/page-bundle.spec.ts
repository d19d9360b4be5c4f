/** The product's page as a browser gets it: how much is loaded, under which policy, and what is not. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { bundlePage, pageHeaders } from '#browser-node/build'
import { useBrowser } from './support/use-browser.ts'

/** Own code of the first load, gzip, without ONNX Runtime. */
const FIRST_LOAD_BYTES_MAX = 300 * 1024
/** What libp2p and the plot, which come with Start, may add to it. */
const WHOLE_PAGE_BYTES_MAX = 350 * 1024
/** What a site loads for `<kora-donate>` before a press. */
const WIDGET_BYTES_MAX = 10 * 1024
const LINK = `#mesh=${'4f'.repeat(32)}&peer=/ip4/127.0.0.1/tcp/9/ws/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5`

describe('the bundled page', () => {
  let dir = ''
  const suite = useBrowser({
    folders: async () => {
      dir = (await bundlePage()).dir
      return [dir]
    },
    // no mesh answers here: the page says so, and the browser notes the 404
    expected: /404|net::ERR/
  })

  const gzipped = (name: string): number =>
    gzipSync(readFileSync(join(dir, name)), { level: 9 }).length

  /** Names below the bundle that a page asked for. */
  function watch(page: Page): readonly string[] {
    const names: string[] = []
    page.on('response', (response) => {
      const name = new URL(response.url()).pathname.slice(1) || 'index.html'
      if (response.ok()) names.push(name)
    })
    return names
  }

  async function opened(path: string): Promise<{ page: Page; names: readonly string[] }> {
    const { browser, server } = suite()
    const page = await browser.open('about:blank')
    const names = watch(page)
    await page.goto(`${server.url}${path}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.waitForLoadState('networkidle')
    return { page, names }
  }

  it('loads under 300 KB of its own code first, and nothing of ONNX Runtime or libp2p', async () => {
    const { page, names } = await opened(LINK)
    await page.getByRole('button', { name: /^Start/ }).waitFor()
    deepEqual(
      names.filter((name) => name.startsWith('runtime-')),
      []
    )
    const bytes = names.reduce((sum, name) => sum + gzipped(name), 0)
    ok(bytes > 50_000, 'the page was loaded at all')
    ok(bytes <= FIRST_LOAD_BYTES_MAX, `${bytes} bytes: ${names.join(' ')}`)
    const networked = names.filter((name) => readFileSync(join(dir, name)).includes('/yamux/1.0.0'))
    deepEqual(networked, [])
    await page.close()
    deepEqual(suite().browser.faults(), [])
  })

  it('stays near that with all that the page ever loads outside its workers', () => {
    const names = reachableFrom(dir, 'index.html')
    const bytes = names.reduce((sum, name) => sum + gzipped(name), 0)
    ok(names.some((name) => readFileSync(join(dir, name)).includes('/yamux/1.0.0')))
    ok(bytes <= WHOLE_PAGE_BYTES_MAX, `${bytes} bytes: ${names.join(' ')}`)
  })

  it('costs another site a few kilobytes before a press', () => {
    const names = reachableFrom(dir, 'embed.js')
    const bytes = names.reduce((sum, name) => sum + gzipped(name), 0)
    ok(names.length >= 2 && bytes <= WIDGET_BYTES_MAX, `${bytes} bytes: ${names.join(' ')}`)
  })

  for (const path of ['', 'verify.html', 'frame.html']) {
    it(`has no inline code or style in ${path || 'index.html'}, and no error`, async () => {
      const { page } = await opened(`${path}${LINK}`)
      equal(await page.locator('script:not([src]), style, [style], [onclick]').count(), 0)
      await page.close()
      deepEqual(suite().browser.faults(), [])
    })
  }

  it('is allowed nothing unsafe but to compile WASM', () => {
    for (const name of readdirSync(dir)) {
      const { 'content-security-policy': policy = '' } = pageHeaders(name)
      ok(policy.includes("default-src 'none'"))
      deepEqual(policy.match(/'unsafe-[a-z-]+'|\*/g) ?? [], name === 'frame.html' ? ['*'] : [])
      deepEqual(policy.match(/'wasm-unsafe-eval'/g), ["'wasm-unsafe-eval'"])
    }
  })

  it('keeps for a year what its content names, and nothing else', () => {
    const cached = (name: string): string => pageHeaders(name)['cache-control'] ?? ''
    for (const name of ['index.html', 'embed.js', 'icon.svg']) equal(cached(name), 'no-cache')
    const hashed = readdirSync(dir).filter((name) => /^(page|style|part)-.*\.(js|css)$/.test(name))
    ok(hashed.length > 5)
    for (const name of hashed) {
      ok(cached(name).includes('immutable'), name)
    }
    ok(cached('runtime-35BF9073/ort-wasm-simd-threaded.wasm').includes('immutable'))
  })
})

/** Follows the names of scripts and styles from file to file, workers left out. */
function reachableFrom(dir: string, start: string): readonly string[] {
  const seen = new Set([start])
  for (const name of seen) {
    const text = readFileSync(join(dir, name), 'utf8')
    for (const [found] of text.matchAll(/(?:part|page|style|widget)-[0-9A-Z]{8}\.(?:js|css)/g)) {
      seen.add(found)
    }
  }
  return [...seen]
}
