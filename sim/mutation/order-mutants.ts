/** Planted bugs of what comes first: units and those that they wait for, claims, and nodes that rest. */
import type { Mutant } from './mutant.ts'

const gateway = (file: string) => `mesh-node/core/gateway/${file}.ts`
const agent = (file: string) => `mesh-node/core/agent/${file}.ts`

export const ORDER_MUTANTS: readonly Mutant[] = [
  {
    name: 'parents-not-awaited',
    bug: 'a unit is leased although what it waits for has no result',
    file: gateway('sessions'),
    anchor: '    root.waitingFor += 1\n',
    replacement: ''
  },
  {
    name: 'first-parent-enough',
    bug: 'a unit that waits for several is leased when the first of them has its result',
    file: gateway('unit-end'),
    anchor: '} else if (dependant.waitingFor === 0) {',
    replacement: "} else if (dependant.current.state === 'queued') {"
  },
  {
    name: 'failed-parent-enough',
    bug: 'a unit is leased although what it waits for has failed',
    file: gateway('unit-end'),
    anchor: "      if (root.outcome?.status !== 'success') {\n",
    replacement: '      if (root.outcome === null) {\n'
  },
  {
    name: 'children-not-told',
    bug: 'units that wait are never told that what they wait for has its result',
    file: gateway('unit-end'),
    anchor: '    root.session.dependants.delete(root.unitId)\n',
    replacement: '    root.session.dependants.delete(root.unitId)\n    continue\n'
  },
  {
    name: 'withdrawn-claim-stands',
    bug: 'a claim that was withdrawn stands',
    file: gateway('claims'),
    anchor: '  node.claims.delete(claim)\n}',
    replacement: '  node.claims.delete(claim + 1)\n}'
  },
  {
    name: 'claims-outlive-hello',
    bug: 'claims of an older link stand after a new hello',
    file: gateway('nodes'),
    anchor: '  node.connected = true\n  node.claims.clear()\n',
    replacement: '  node.connected = true\n'
  },
  {
    name: 'paused-node-takes-work',
    bug: 'a node whose owner wants it back runs what it is granted',
    file: agent('lease-desk'),
    anchor:
      "    if (mode === 'paused' || mode === 'finishing') return 'paused'\n    if (mode !== 'serving') return 'draining'\n",
    replacement: ''
  },
  {
    name: 'paused-without-a-word',
    bug: 'a node that pauses does not withdraw its claim',
    file: agent('agent-connections'),
    anchor: '      else this.#withdraw(entry)\n',
    replacement: ''
  },
  {
    name: 'resumes-never',
    bug: 'a node that was paused never serves again',
    file: agent('agent-machine'),
    anchor: "if (isResting(this.#context.mode)) this.#context.mode = 'serving'",
    replacement: ''
  },
  {
    name: 'drain-spins',
    bug: 'a node that leaves is woken without end while its gateway is away',
    file: agent('agent-connections'),
    anchor: "    entry.redialAtMs = null\n    if (this.#context.mode === 'draining') return\n",
    replacement: "    if (this.#context.mode === 'draining') return\n    entry.redialAtMs = null\n"
  }
]
