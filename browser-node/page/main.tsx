/** Puts the donate page into its document. It draws what the tab's node says and computes nothing. */
import { render } from 'preact'

const root = document.getElementById('page')
if (root !== null) render(<h1>KORA mesh</h1>, root)
