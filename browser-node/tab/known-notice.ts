/**
 * What the mesh says of itself before anybody joins it, as the page's host has it. A host that has
 * none, or whose bytes are not the sequencer's, is one that says nothing: the owner then reads that.
 */
import { MeshError, type MeshNotice, openNotice, type SignedGenesis } from '#contracts'
import type { TabPorts } from './tab-ports.ts'

export async function knownNotice(
  genesis: SignedGenesis,
  { host, verifier }: Pick<TabPorts, 'host' | 'verifier'>
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
