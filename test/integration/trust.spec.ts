/**
 * A mesh on probation as people start it: real processes over real libp2p, one of which forges its
 * outputs, and a graph that asks for one result of each unit.
 */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  createMeshFolder,
  genesisFile,
  type LocalNodes,
  type OpenControl,
  openControl,
  startLocalNodes
} from '#control/drivers'
import { nodesBelow, runCommand } from '../support/run-command.ts'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const NODES = 3
const LIAR = 1
/** 200 rows by threes. */
const UNITS = 67

describe('a mesh on probation', function () {
  this.timeout(180_000)
  const folder = mkdtempSync(join(tmpdir(), 'kora-trust-'))
  let control: OpenControl | null = null
  let nodes: LocalNodes | null = null

  async function stop(): Promise<void> {
    await nodes?.stop()
    await control?.close()
    nodes = null
    control = null
  }
  after(async () => {
    await stop()
    deepEqual(await nodesBelow(folder), [])
    rmSync(folder, { recursive: true, force: true })
  })

  it('compares results that its graph does not, and takes none of a node that forges', async () => {
    const settings = { name: 'trust', tenant: 'local', grantMicro: 1_000_000_000, trusted: [] }
    createMeshFolder(folder, { ...settings, trust: 'probation' }, Date.now())
    const data = ['--data', folder]
    const model = at('examples/any-onnx/nearest-corner.onnx')
    const added = await runCommand('bin/kora.js', [
      ...['models', 'add', model, '--name', 'my-model'],
      ...data
    ])
    equal(added.code, 0, added.err)
    const listen = ['/ip4/127.0.0.1/tcp/0']
    control = await openControl(
      { data: folder, mesh: null, listen, bootstrap: [], localNodes: 0 },
      () => {}
    )
    const { node } = control
    nodes = await startLocalNodes({
      count: NODES,
      genesisFile: genesisFile(folder),
      bootstrap: node.addresses(),
      dataRoot: join(folder, 'nodes'),
      flags: (index) => (index === LIAR ? ['--drill-forge-outputs'] : [])
    })
    const liar = nodes.nodes[LIAR]?.peerId
    const text = readFileSync(at('examples/any-onnx/graph.yaml'), 'utf8')
    const graph = new TextEncoder().encode(text.replace('size: 64', 'size: 3'))
    const rows = new Uint8Array(readFileSync(at('examples/any-onnx/points.npy')))
    const session = await node.submit({ graph, inputs: { rows }, useCache: false })
    const { units, status, state_hash, bill } = await node.result(session)
    equal(status, 'completed')
    const run = units.filter(({ task }) => task === 'run')
    equal(run.length, UNITS)
    ok(
      run.some(({ attempts }) => attempts > 1),
      'some were compared'
    )
    // which node is ready first, and whether the liar gets work at all, is nobody's to say
    for (const { node: who, verdict, reason } of run.flatMap(({ executions }) => executions)) {
      if (who === liar) notEqual(verdict, 'accepted')
      else notEqual(reason, 'disagreed')
    }
    equal(bill?.sum_micro, 0)
    equal(bill?.balances[`node:${liar}`] ?? 0, 0)
    ok(Object.keys(bill?.balances ?? {}).some((name) => name.startsWith('escrow:')))
    equal((await node.replay(session)).replay_hash, state_hash)
  })
})
