/**
 * What the mesh says of itself before anybody joins it, as the page's host has it. A host that has
 * none, or whose bytes are not the sequencer's, is one that says nothing: the owner then reads that.
 */
import { MeshError, type MeshNotice, openNotice, type SignedGenesis } from '#contracts'
import type { TabPorts } from './tab-ports.ts'

/** A model that is added to the mesh shows on an open page within so long. */
const NOTICE_MS = 30_000

type NoticePorts = Pick<TabPorts, 'host' | 'verifier' | 'clock' | 'fatal'>

/**
 * Tells of the notice now, and again and again where the host has one at all. Resolves when the first
 * was read; gives a way to end it.
 */
export async function watchNotice(
  genesis: SignedGenesis,
  ports: NoticePorts,
  listener: (notice: MeshNotice) => void
): Promise<() => void> {
  const { clock, fatal } = ports
  const first = await knownNotice(genesis, ports)
  if (first === null) return () => {}
  listener(first)
  let isOver = false
  let cancel = () => {}
  const look = async (): Promise<void> => {
    const notice = await knownNotice(genesis, ports)
    if (isOver) return
    if (notice !== null) listener(notice)
    lookLater()
  }
  const lookLater = () => {
    cancel = clock.setTimer(clock.nowMs() + NOTICE_MS, () => {
      look().catch(fatal)
    })
  }
  lookLater()
  return () => {
    isOver = true
    cancel()
  }
}

async function knownNotice(
  genesis: SignedGenesis,
  { host, verifier }: NoticePorts
): Promise<MeshNotice | null> {
  const bytes = await host.notice(genesis.id).catch(() => null)
  if (bytes === null) return null
  try {
    return openNotice(bytes, verifier, genesis)
  } catch (error) {
    if (error instanceof MeshError) return null
    throw error
  }
}
