/** The receipt page over a check that judges by the file's own text: `ok`, or the rule that fails. */

import { render } from 'preact'
import { parseCid, parseLeaseId, parsePeerId, parseUnitId } from '#contracts'
import { RECEIPT_RULES, type ReceiptReport } from '../../../browser-node/tab-contract.ts'
import { VerifyPage } from '../../../browser-node/verify/verify-page.tsx'

const CID = 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'

const FACTS: NonNullable<ReceiptReport['facts']> = {
  meshId: '4f2c9a7be01d88c35a6e12f4907bd3c1e85f60a2d4b97c3316fa0e8d52c7b941',
  meshName: 'Open Speech Archive',
  node: parsePeerId('12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'),
  unit: parseUnitId('bafyreih3oyx4xtwqqsvpzq64kpzbmbwawx5vkrgeaqzubdyq6mh4ohxkxm'),
  lease: parseLeaseId(`l${'3f'.repeat(16)}`),
  model: parseCid(CID),
  output: parseCid(CID),
  runtime: 'onnxruntime-web 1.30.0, wasm',
  startedMs: Date.UTC(2026, 10, 24, 9, 30),
  finishedMs: Date.UTC(2026, 10, 24, 9, 30, 2)
}

async function verify(bytes: Uint8Array): Promise<ReceiptReport> {
  const text = new TextDecoder().decode(bytes)
  if (text === 'ok') return { failed: null, facts: FACTS }
  const rule = RECEIPT_RULES.find((one) => one === text) ?? 'file'
  return { failed: { rule, code: 'receipt.made_up' }, facts: rule === 'file' ? null : FACTS }
}

const root = document.getElementById('page')
if (root !== null) render(<VerifyPage verify={verify} />, root)
