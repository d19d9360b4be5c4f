/** The frame of `<kora-donate>`: the tab's node in the mesh's own page, drawn small. */
import { mount } from '../page/mount.tsx'
import { Compact } from './compact.tsx'
import type { FrameMessage } from './frame-messages.ts'

/** Whoever frames this may know its height and its phase. */
const tell = (message: FrameMessage): void => parent.postMessage(message, '*')

mount(
  async (href) => (await import('../tab/main.ts')).openDonateTab(href),
  (tab) => <Compact tab={tab} tell={tell} />
)
