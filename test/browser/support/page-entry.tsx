/** The donate page over a scripted tab that the test holds by `globalThis.scripted`. */
import { render } from 'preact'
import { App } from '../../../browser-node/page/app.tsx'
import { VIEWS } from './page-views.ts'
import { ScriptedTab } from './scripted-tab.ts'

const root = document.getElementById('page')
const view = VIEWS[new URL(location.href).searchParams.get('view') ?? 'consent']
if (root === null || view === undefined) throw new Error('no such view')
const scripted = new ScriptedTab(view)
Object.assign(globalThis, { scripted, views: VIEWS })
render(<App tab={scripted} />, root)
