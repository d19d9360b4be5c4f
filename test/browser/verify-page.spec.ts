/** What the receipt page says of a file, by its words and to a screen reader. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { RECEIPT_RULES } from '../../browser-node/tab-contract.ts'
import { seriousFaults, useEntry } from './support/page-states.ts'

const SHOTS = fileURLToPath(new URL('.shots/', import.meta.url))

describe('the receipt page', () => {
  const suite = useEntry('test/browser/support/verify-entry.tsx')
  let page: Page

  before(async () => {
    mkdirSync(SHOTS, { recursive: true })
    const { browser, server } = suite()
    page = await browser.open(server.url)
  })

  const choose = (text: string): Promise<void> =>
    page.getByLabel('Choose a receipt file').setInputFiles({
      name: 'receipt.cbor',
      mimeType: 'application/cbor',
      buffer: Buffer.from(text)
    })

  it('calls a genuine receipt genuine, with every rule passed', async () => {
    await choose('ok')
    await page.getByRole('status').getByText('receipt.cbor is genuine').waitFor()
    equal(await page.getByText('Passed:').count(), RECEIPT_RULES.length)
    await page.getByText('Open Speech Archive').waitFor()
    await page.screenshot({ path: `${SHOTS}verify-good.png`, fullPage: true })
    deepEqual(await seriousFaults(page), [])
  })

  for (const [index, rule] of RECEIPT_RULES.entries()) {
    it(`says that it is not, and that the rule is ${rule}`, async () => {
      await choose(rule)
      await page.getByRole('status').getByText('is not a genuine receipt').waitFor()
      equal(await page.getByText('Passed:').count(), index)
      equal(await page.getByText('Failed:').count(), 1)
      equal(await page.getByText('Not checked:').count(), RECEIPT_RULES.length - index - 1)
      await page.getByText('receipt.made_up').waitFor()
    })
  }

  it('has nothing serious for axe with a forged receipt, light and dark', async () => {
    await choose('path')
    await page.getByRole('status').getByText('is not a genuine receipt').waitFor()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.screenshot({ path: `${SHOTS}verify-bad-${colorScheme}.png`, fullPage: true })
      deepEqual(await seriousFaults(page), [])
    }
  })

  it('reads no file that is too large for a receipt', async () => {
    await choose('x'.repeat(2 ** 20 + 1))
    match((await page.getByRole('alert').textContent()) ?? '', /over 1 MiB/)
  })

  it('takes a file that is dropped', async () => {
    const dropped = await page.evaluateHandle(() => {
      const transfer = new DataTransfer()
      transfer.items.add(new File(['ok'], 'dropped.cbor'))
      return transfer
    })
    await page.locator('.drop').dispatchEvent('drop', { dataTransfer: dropped })
    await page.getByText('dropped.cbor is genuine').waitFor()
  })

  it('works with the network gone', async () => {
    await page.context().setOffline(true)
    await choose('ok')
    await page.getByText('receipt.cbor is genuine').waitFor()
    await page.context().setOffline(false)
    deepEqual(suite().browser.faults(), [])
  })
})
