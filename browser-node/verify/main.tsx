/** Puts the receipt page into its document; all that it needs is loaded with it, so it works offline. */
import { render } from 'preact'
import { verifyReceipt } from '../tab/receipt.ts'
import { VerifyPage } from './verify-page.tsx'

const root = document.getElementById('page')
if (root !== null) render(<VerifyPage verify={async (bytes) => verifyReceipt(bytes)} />, root)
