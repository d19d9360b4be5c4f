/** The frame of `<kora-donate>` over a scripted tab. */
import { render } from 'preact'
import { Compact } from '../../../browser-node/embed/compact.tsx'
import { VIEWS } from './page-views.ts'
import { ScriptedTab } from './scripted-tab.ts'

const root = document.getElementById('page')
const { consent, working } = VIEWS
if (root === null || consent === undefined || working === undefined) throw new Error('no view')
const { creditMicro, counts } = working
const scripted = new ScriptedTab({ ...consent, creditMicro, counts })
Object.assign(globalThis, { scripted })
render(<Compact tab={scripted} tell={(message) => parent.postMessage(message, '*')} />, root)
