/** A whole node in this process, as `krako-node start` runs it, ended with the test. */
import { type AgentReport, type NodeOptions, type RunningNode, startNode } from '#mesh-node'
import { LOOPBACK, type Started } from './mesh-hosts.ts'

export type WholeNodeOptions = Pick<NodeOptions, 'mesh' | 'bootstrap'> &
  Partial<NodeOptions> & { readonly reports?: AgentReport[] }

/** A mistake of the node's own that nobody waited for fails the test when it ends. */
export async function wholeNode(
  started: Started,
  { reports, ...over }: WholeNodeOptions
): Promise<RunningNode> {
  const fatal: unknown[] = []
  const options: NodeOptions = {
    dataDir: over.dataDir ?? (await started.folder()),
    listen: [LOOPBACK],
    announce: [],
    owner: null,
    kinds: ['deterministic', 'small_model'],
    podTiers: [],
    zones: [],
    region: null,
    tenants: null,
    slots: 1,
    queueMax: 512,
    memoryMb: 1_024,
    cacheMb: 1_024,
    drainGraceMs: 2_000,
    drill: null,
    ...over
  }
  const node = await startNode(options, {
    report: (report) => reports?.push(report),
    fatal: (error) => fatal.push(error)
  })
  return started.add(node, async (one) => {
    await one.stop()
    if (fatal.length > 0) throw fatal[0]
  })
}
