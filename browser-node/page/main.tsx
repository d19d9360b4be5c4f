/** Puts the donate page into its document. It draws what the tab's node says and computes nothing. */
import { App } from './app.tsx'
import { mount } from './mount.tsx'

mount(
  async (href) => (await import('../tab/main.ts')).openDonateTab(href),
  (tab) => <App tab={tab} />
)
