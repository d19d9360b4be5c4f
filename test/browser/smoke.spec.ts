/** The product's page as a browser gets it: bundled, isolated, without a word on the console. */
import { deepEqual, equal } from 'node:assert/strict'
import { bundlePage } from '#browser-node/build'
import { useBrowser } from './support/use-browser.ts'

describe('the bundled page in Chromium', () => {
  const suite = useBrowser({ folders: async () => [(await bundlePage()).dir], gpu: true })

  it('is drawn without an error', async () => {
    const { browser, server } = suite()
    const page = await browser.open(server.url)
    await page.getByRole('heading', { level: 1 }).waitFor()
    deepEqual(browser.faults(), [])
    await page.close()
  })

  it('is isolated from other origins, so that WASM may use threads', async () => {
    const { browser, server } = suite()
    const page = await browser.open(server.url)
    equal(await page.evaluate(() => globalThis.crossOriginIsolated), true)
    await page.close()
  })

  it('has a WebGPU adapter', async () => {
    const { browser, server } = suite()
    const page = await browser.open(server.url)
    const adapter = await page.evaluate(async () => {
      const gpu: { requestAdapter(): Promise<object | null> } | undefined = Reflect.get(
        navigator,
        'gpu'
      )
      return (await gpu?.requestAdapter()) != null
    })
    equal(adapter, true)
    await page.close()
  })

  it('refuses inline code', async () => {
    const { browser, server } = suite()
    const page = await browser.open(server.url)
    const ran = await page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'globalThis.ranInline = true'
      document.head.append(script)
      return Reflect.get(globalThis, 'ranInline') === true
    })
    equal(ran, false)
    const [fault, ...more] = browser.faults()
    equal(fault?.includes('Content Security Policy'), true)
    deepEqual(more, [])
    await page.close()
  })
})
