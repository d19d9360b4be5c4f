/**
 * What a page calls: reads the donate link, opens what this browser keeps, and gives the tab's node.
 * A link or a browser that will not do gives a tab that says so.
 */
import { MeshError, readDonateLink } from '#contracts'
import { systemClock } from '#mesh-node/portable'
import { WorkerEngine } from '../exec/worker-engine.ts'
import type { DonateTab } from '../tab-contract.ts'
import { blockedTab } from './blocked-tab.ts'
import {
  blobFiles,
  lacks,
  openLedgerLevel,
  openProfileLevel,
  openShelf,
  pageHost,
  random,
  sense,
  utcOffsetMin,
  workPlace
} from './browser-driver.ts'
import { MeshTab } from './donate-tab.ts'
import { Profile } from './profile.ts'
import { QuickVerifier } from './quick-keys.ts'
import { TabMemory } from './tab-memory.ts'
import type { TabPorts } from './tab-ports.ts'
import { detailOf } from './tab-view.ts'

/** Of a WASM run, where the page is isolated. */
const THREADS = 4

/** `href`: the page's address with the donate link in its fragment. */
export async function openDonateTab(href: string): Promise<DonateTab> {
  const lack = lacks()
  if (lack !== null) return blockedTab(lack)
  try {
    return await openTab(href)
  } catch (error) {
    if (error instanceof MeshError) return blockedTab(detailOf(error))
    throw error
  }
}

async function openTab(href: string): Promise<DonateTab> {
  const { mesh, peers } = readDonateLink(href)
  const profile = await Profile.open(openProfileLevel())
  const memory = await TabMemory.open(profile, mesh)
  const limits = await memory.limits()
  let tab: MeshTab | null = null
  const ports: TabPorts = {
    clock: systemClock,
    verifier: new QuickVerifier(),
    ...{ random, utcOffsetMin, lacks, openLedgerLevel, openShelf, sense },
    // half of all code, and nobody needs it before Start
    openNetwork: async (options) => (await import('./tab-network.ts')).openTabNetwork(options),
    openEngine: (allowed) =>
      WorkerEngine.open({ limits: { ...allowed, threads: THREADS }, files: blobFiles }),
    host: pageHost(new URL('./', href).href),
    place: workPlace,
    beginAnew: () => location.reload(),
    fatal: (error) => {
      tab?.fail(error)
      // what the page says is no mistake of ours
      if (!(error instanceof MeshError)) reportError(error)
    }
  }
  tab = new MeshTab({ mesh, peers, memory, limits }, ports)
  await tab.look()
  return tab
}
