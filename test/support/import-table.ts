/**
 * Who may import whom: the one table behind the architecture test.
 *
 * A zone is the longest prefix that matches a path. Anything a zone does not list is refused, so a
 * new folder starts with nothing. The table speaks of folders and doors, never of single modules,
 * except for the one file that may touch Node inside the contracts.
 */

interface Zone {
  /** Path prefix of the files that the row is about. */
  readonly prefix: string
  /** Doors, as written in an import. */
  readonly doors: readonly string[]
  /** Path prefixes that a relative import may reach. */
  readonly relative: readonly string[]
  /** True where `node:*` may be imported. */
  readonly node: boolean
  /** Package names that are refused, by prefix. */
  readonly refusedPackages: readonly string[]
}

const CONTRACTS = ['#contracts', '#contracts/platform']
const MESH_NODE = ['#mesh-node', '#mesh-node/core', '#mesh-node/exec', '#mesh-node/store']
/** Those of a node's doors that a browser may pass. */
const PORTABLE = ['#mesh-node/core', '#mesh-node/portable', '#mesh-node/runners']
const LEDGER = ['#ledger', '#ledger/store']

/** Whatever speaks to a network. */
const NETWORK_PACKAGES = ['libp2p', '@libp2p/', '@chainsafe/libp2p-', '@multiformats/']
/** Whatever needs native code or a disk. */
const NATIVE_PACKAGES = ['onnxruntime-', 'classic-level', 'pino', 'commander']
const PORTABLE_REFUSES = [...NETWORK_PACKAGES, ...NATIVE_PACKAGES]

const ZONES: readonly Zone[] = [
  zone('contracts/', ['#contracts/platform'], { refusedPackages: PORTABLE_REFUSES }),
  zone('contracts/platform/', [], { node: true, refusedPackages: PORTABLE_REFUSES }),
  zone('ledger/', CONTRACTS, { refusedPackages: PORTABLE_REFUSES }),
  zone('ledger/store/', CONTRACTS, { relative: ['ledger/'], node: true }),
  zone('mesh-node/', [...CONTRACTS, ...LEDGER, ...MESH_NODE], { node: true }),
  zone('mesh-node/core/', [...CONTRACTS, '#ledger'], { refusedPackages: PORTABLE_REFUSES }),
  zone('mesh-node/exec/', [...CONTRACTS, '#mesh-node/store'], {
    relative: ['mesh-node/exec/', 'mesh-node/store/'],
    node: true,
    refusedPackages: NETWORK_PACKAGES
  }),
  zone('mesh-node/store/', CONTRACTS, { node: true, refusedPackages: NETWORK_PACKAGES }),
  zone('browser-node/build/', CONTRACTS, { relative: ['browser-node/'], node: true }),
  zone('browser-node/', [...CONTRACTS, ...LEDGER, ...PORTABLE], {
    refusedPackages: ['onnxruntime-node', 'classic-level', 'pino', 'commander']
  }),
  zone('control/', [...CONTRACTS, ...LEDGER, ...MESH_NODE, '#control'], { node: true }),
  zone('control/drivers/', [...CONTRACTS, ...LEDGER, ...MESH_NODE, '#browser-node/build'], {
    relative: ['control/'],
    node: true
  }),
  zone(
    'control/cli/',
    [...CONTRACTS, ...LEDGER, ...MESH_NODE, '#mesh-node/cli', '#control', '#sim'],
    {
      relative: ['control/'],
      node: true
    }
  ),
  zone('sim/', [...CONTRACTS, ...LEDGER, ...MESH_NODE, '#control', '#sim'], { node: true }),
  zone('sim/real/', [...CONTRACTS, ...LEDGER, ...MESH_NODE, '#mesh-node/portable', '#control'], {
    relative: ['sim/'],
    node: true
  }),
  zone('bin/', [], { relative: ['bin/', 'control/cli/', 'mesh-node/cli/'], node: true })
]

function zone(
  prefix: string,
  doors: readonly string[],
  rest: Partial<Omit<Zone, 'prefix' | 'doors'>>
): Zone {
  return { prefix, doors, relative: [prefix], node: false, refusedPackages: [], ...rest }
}

export function zoneOf(path: string): Zone | undefined {
  const found = ZONES.filter((one) => path.startsWith(one.prefix))
  return found.sort((a, b) => b.prefix.length - a.prefix.length)[0]
}

/** Modules that must not load certain things, however long the chain of imports. */
export interface Reach {
  readonly from: string
  readonly never: readonly string[]
  readonly why: string
}

/** All that belongs to a mesh: protocol, network, ledger and the drivers that join them. */
const MESH = [
  ...NETWORK_PACKAGES,
  'classic-level',
  'ledger/',
  'control/drivers/open-control.ts',
  ...['agent', 'core', 'gateway', 'net'].map((folder) => `mesh-node/${folder}/`),
  'mesh-node/index.ts',
  'mesh-node/node.ts'
]

/** Where what a page loads begins. */
export const IN_A_TAB: readonly string[] = [
  'mesh-node/portable.ts',
  'mesh-node/exec/runners/index.ts',
  'browser-node/tab/main.ts',
  'browser-node/exec/wasm-worker.ts',
  'browser-node/exec/webgpu-worker.ts'
]

export const REACHES: readonly Reach[] = [
  {
    from: 'contracts/index.ts',
    never: ['node:', ...PORTABLE_REFUSES],
    why: 'the contracts run in a browser and in the simulator'
  },
  {
    from: 'mesh-node/core/index.ts',
    never: ['node:', ...PORTABLE_REFUSES],
    why: 'the machines run in a browser and in the simulator'
  },
  {
    from: 'mesh-node/portable.ts',
    never: ['node:', ...NATIVE_PACKAGES, '@libp2p/tcp', 'llama-tokenizer-js'],
    why: 'the drivers of a node run in a browser, and its first load carries no tokenizer'
  },
  {
    from: 'mesh-node/exec/runners/index.ts',
    never: ['node:', ...PORTABLE_REFUSES],
    why: 'the runners run in a browser'
  },
  {
    from: 'browser-node/tab/main.ts',
    never: ['node:', 'onnxruntime-node', 'classic-level', 'pino', 'commander', '@libp2p/tcp'],
    why: 'a tab is a page: what it loads runs in a browser'
  },
  ...['browser-node/exec/wasm-worker.ts', 'browser-node/exec/webgpu-worker.ts'].map((from) => ({
    from,
    never: ['node:', ...NETWORK_PACKAGES, 'ledger/', 'mesh-node/net/', 'mesh-node/agent/'],
    why: 'an executor worker holds models and nothing else'
  })),
  {
    from: 'browser-node/exec/lane.ts',
    never: ['node:', ...NATIVE_PACKAGES, 'llama-tokenizer-js'],
    why: 'a page runs no model on its own thread'
  },
  {
    from: 'mesh-node/exec/index.ts',
    never: [...NETWORK_PACKAGES, 'ledger/', 'mesh-node/core/', 'mesh-node/net/'],
    why: 'Studio runs models with nothing of the mesh loaded'
  },
  {
    from: 'mesh-node/exec/child.ts',
    never: [...NETWORK_PACKAGES, 'ledger/', 'mesh-node/core/', 'mesh-node/net/'],
    why: 'an executor child holds a model and nothing else'
  },
  ...['control/studio/studio.ts', 'control/cli/commands/studio.ts', 'control/index.ts'].map(
    (from) => ({ from, never: MESH, why: 'Studio runs on one machine with nothing of the mesh' })
  )
]
