/** `<kora-donate>` on a site of its own, with the mesh's page on another origin. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { readFrameMessage } from '../../browser-node/embed/frame-messages.ts'
import { bundleEntry, type EntryBundle } from './support/bundle-entry.ts'
import { seriousFaults, useEntry } from './support/page-states.ts'
import { type StaticServer, startStaticServer } from './support/static-server.ts'

const SHOTS = fileURLToPath(new URL('.shots/', import.meta.url))
/** A site as most are: no policy, no isolation. */
const PLAIN_SITE = {
  'content-security-policy': '',
  'cross-origin-embedder-policy': '',
  'cross-origin-opener-policy': ''
}
const HASH = `#mesh=${'4f'.repeat(32)}`

describe('the embedded element', () => {
  const suite = useEntry('browser-node/embed/main.ts', PLAIN_SITE)
  let frame: EntryBundle | undefined
  let meshSite: StaticServer | undefined
  let page: Page

  before(async function () {
    this.timeout(120_000)
    mkdirSync(SHOTS, { recursive: true })
    frame = await bundleEntry('test/browser/support/compact-entry.tsx')
    renameSync(join(frame.dir, 'index.html'), join(frame.dir, 'frame.html'))
    meshSite = await startStaticServer({ folders: [frame.dir] })
  })

  after(async () => {
    await meshSite?.close()
    frame?.remove()
  })

  beforeEach(async () => {
    const { browser, server } = suite()
    page = await browser.open(server.url)
    await place(`${meshSite?.url ?? ''}${HASH}`)
  })

  afterEach(async () => {
    await page.close()
  })

  const place = (mesh: string): Promise<void> =>
    page.evaluate((link) => {
      const donate = document.createElement('kora-donate')
      donate.setAttribute('mesh', link)
      donate.append('Help us to transcribe our archive.')
      const heard: string[] = []
      donate.addEventListener('kora-donate', (event) => {
        if (event instanceof CustomEvent) heard.push(event.detail.phase)
      })
      Object.assign(globalThis, { heard })
      document.body.replaceChildren(donate)
    }, mesh)

  /** What the frame knows of being in sight. */
  const seen = (what: string): Promise<void> =>
    page.frameLocator('iframe').locator(`[data-seen="${what}"]`).waitFor()
  const commands = (): Promise<number> =>
    page
      .frameLocator('iframe')
      .locator('body')
      .evaluate(() => Object(globalThis).scripted.commands.length)
  const inFrame = () => page.frameLocator('iframe')
  const startInside = () => inFrame().getByRole('button', { name: 'Start donating' })

  const start = () => page.getByRole('button', { name: 'Start donating' })

  it('loads nothing from the mesh before the press', async () => {
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    await start().waitFor()
    await page.getByText('Help us to transcribe our archive.').waitFor()
    // the site's own icon may come as late as this
    deepEqual(
      asked.filter((url) => url.startsWith(meshSite?.url ?? '')),
      []
    )
    deepEqual(await seriousFaults(page), [])
    await page.screenshot({ path: `${SHOTS}embed-before.png` })
  })

  it('shows who asks in a frame, and starts on a second press there', async () => {
    await start().press('Enter')
    const inside = page.frameLocator('iframe')
    await inside.getByText('Open Speech Archive, operated by').waitFor()
    equal(await page.evaluate('heard.at(-1)'), 'consent')
    await page.screenshot({ path: `${SHOTS}embed-consent.png` })
    await seen('yes')
    await inside.getByRole('button', { name: 'Start donating' }).press('Enter')
    await inside.getByRole('button', { name: /^Pause/ }).waitFor()
    await page.waitForFunction("heard.at(-1) === 'working'")
    await page.screenshot({ path: `${SHOTS}embed-working.png` })
    deepEqual(suite().browser.faults(), [])
  })

  it('grows with what the frame shows', async () => {
    await start().click()
    const inside = page.frameLocator('iframe')
    await inside.getByRole('button', { name: 'Start donating' }).waitFor()
    await page.waitForFunction(() => {
      const shadow = document.querySelector('kora-donate')?.shadowRoot
      return (shadow?.querySelector('iframe')?.clientHeight ?? 0) > 500
    })
    const cut = await inside
      .locator('html')
      .evaluate((html) => html.scrollHeight - html.clientHeight)
    ok(cut <= 2, `${cut} pixels are hidden`)
  })

  it('lets no site start what its visitor did not', async () => {
    await start().click()
    const inside = page.frameLocator('iframe')
    await inside.getByRole('button', { name: 'Start donating' }).waitFor()
    await page.evaluate(() => {
      const shadow = document.querySelector('kora-donate')?.shadowRoot
      for (const data of ['start', { kora: 'start' }, { type: 'start' }]) {
        shadow?.querySelector('iframe')?.contentWindow?.postMessage(data, '*')
      }
    })
    equal(await commands(), 0)
  })

  /** What a site may do to the frame so that its visitor presses what cannot be read. */
  const TRICKS: Readonly<Record<string, string>> = {
    'something lies over it': 'position:fixed;inset:0;background:#fff;pointer-events:none|cover',
    'it is all but transparent': 'opacity:0.02|element',
    'it is shrunk': 'transform:scale(0.3)|element',
    'only its button is left of it': 'height:5rem;overflow:hidden|element',
    'it lies beyond the edge': 'position:absolute;left:-9rem|element'
  }
  for (const [what, trick] of Object.entries(TRICKS)) {
    it(`starts nothing while ${what}, and says why`, async () => {
      await start().click()
      await seen('yes')
      await page.evaluate((given) => {
        const [style = '', on] = given.split('|')
        const element = document.querySelector('kora-donate')
        const cover = document.createElement('div')
        cover.id = 'cover'
        if (on === 'cover') document.body.append(cover)
        ;(on === 'cover' ? cover : element)?.setAttribute('style', style)
      }, trick)
      await seen('no')
      // as a press that the trick brought about: no look at what lies over it
      await startInside().dispatchEvent('click')
      await inFrame().getByText('Nothing was started').waitFor()
      equal(await commands(), 0)
      await page.evaluate(() => {
        document.getElementById('cover')?.remove()
        document.querySelector('kora-donate')?.removeAttribute('style')
      })
      await seen('yes')
      await startInside().click()
      equal(await commands(), 1)
    })
  }

  it('takes no press that was under way when it came into sight', async () => {
    await start().click()
    await seen('yes')
    await page.evaluate("document.querySelector('kora-donate').style.opacity = '0'")
    await seen('no')
    const armed = inFrame()
      .locator('[data-seen]')
      .evaluate(
        (hero) =>
          new Promise<number>((settle) => {
            const watch = new MutationObserver(() => settle(Date.now()))
            watch.observe(hero, { attributes: true })
          })
      )
    const shownMs = await page.evaluate<number>(
      "document.querySelector('kora-donate').style.opacity = '', Date.now()"
    )
    const waitedMs = (await armed) - shownMs
    ok(waitedMs >= 500, `${waitedMs} ms`)
  })

  it('asks twice where the browser does not tell what covers it', async () => {
    await page.addInitScript('delete IntersectionObserverEntry.prototype.isVisible')
    await page.reload()
    await place(`${meshSite?.url ?? ''}${HASH}`)
    await start().click()
    await seen('unknown')
    await startInside().click()
    const confirm = inFrame().getByRole('button', { name: 'Yes, go ahead' })
    await confirm.waitFor()
    // a second press that belongs to the first
    await startInside().evaluate((button) => {
      button.dispatchEvent(new MouseEvent('click', { bubbles: true }))
      return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))
    })
    await confirm.dispatchEvent('click')
    equal(await commands(), 0)
    await inFrame()
      .locator('body')
      .evaluate(() => new Promise((later) => setTimeout(later, 700)))
    deepEqual(await seriousFaults(page), [])
    await confirm.click()
    equal(await commands(), 1)
    equal(await confirm.count(), 0)
  })

  it('pauses at once, seen or not', async () => {
    await start().click()
    await seen('yes')
    await startInside().click()
    await page.evaluate("document.querySelector('kora-donate').style.opacity = '0'")
    await seen('no')
    await inFrame()
      .getByRole('button', { name: /^Pause/ })
      .dispatchEvent('click')
    await inFrame()
      .getByRole('button', { name: /^Start/ })
      .waitFor()
    equal(await commands(), 2)
  })

  it('says so where its attribute is no donate link', async () => {
    for (const link of ['', 'javascript:alert(1)//#mesh=1', 'https://mesh.example/']) {
      await place(link)
      await page.getByText('The mesh attribute is no donate link.').waitFor()
      equal(await start().count(), 0)
    }
  })

  it('believes no message of another window', async () => {
    for (const data of [null, 'x', {}, { kora: 'frame' }, { kora: 'frame', heightPx: 'all' }]) {
      equal(readFrameMessage(data), null)
    }
    const tall = { kora: 'frame', heightPx: 1e9, phase: 'working', clearedMicro: 1 }
    equal(readFrameMessage(tall)?.heightPx, 2000)
  })
})
