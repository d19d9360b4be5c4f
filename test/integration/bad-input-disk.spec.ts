/**
 * Data folders that are broken or full before the start: `kora up` and `krako-node start` refuse with
 * the way to repair them, and change nothing. What a disk does in the middle: `disk-full.spec.ts`.
 */
import { deepEqual, equal } from 'node:assert/strict'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { EXIT } from '#contracts'
import { digests, flipped } from '../support/broken-bytes.ts'
import {
  type Commands,
  type Ended,
  errorOf,
  type LoopFiles,
  loopMesh
} from '../support/kora-process.ts'
import { LOOPBACK, type Started } from '../support/mesh-hosts.ts'
import { halfWritten, SmallDisk } from '../support/small-disk.ts'

describe('a broken data folder', function () {
  this.timeout(180_000)
  let started: Started
  let commands: Commands
  let files: LoopFiles
  let data: string
  let sound: string
  let nodeSound: string

  before(async () => {
    ;({ started, commands, files, data } = await loopMesh())
    sound = files.path('sound')
    nodeSound = files.path('node-sound')
    mkdirSync(sound)
    cpSync(join(data, 'models'), join(sound, 'models'), { recursive: true })
    const up = await commands.up(sound)
    const node = await commands.join(up, nodeSound)
    const words = ['run', files.path('loops.json'), ...files.inputWords([1, 2]), '--data', sound]
    await commands.json(...words)
    node.run.child.kill('SIGTERM')
    await node.run.ended()
    up.run.child.kill('SIGTERM')
    await up.run.ended()
  })
  after(() => started.endAll())

  /** A copy of a folder with one thing broken; gives the start's answer, and that it changed nothing. */
  async function broken(
    from: string,
    breakIt: (folder: string) => void,
    start: (folder: string) => Promise<Ended>
  ): Promise<Ended> {
    const folder = files.path('broken')
    rmSync(folder, { recursive: true, force: true })
    cpSync(from, folder, { recursive: true })
    breakIt(folder)
    const before = digests(folder)
    const answer = await start(folder)
    deepEqual(digests(folder), before)
    return answer
  }
  const upOf = (folder: string) => commands.ended('up', '--data', folder, '--json')
  const change = (name: string) => (folder: string) =>
    writeFileSync(join(folder, name), flipped(readFileSync(join(folder, name))))
  const cut = (name: string) => (folder: string) => truncateSync(join(folder, name), 20)
  const remove = (name: string) => (folder: string) =>
    rmSync(join(folder, name), { recursive: true })

  const CONTROL: Readonly<Record<string, readonly [(folder: string) => void, string]>> = {
    'its key is changed': [change('control.key'), 'control.not_sequencer'],
    'its key is cut': [cut('control.key'), 'control.key_lost'],
    'its key is gone': [remove('control.key'), 'control.key_lost'],
    'its genesis is changed': [change('genesis.cbor'), 'control.genesis_lost'],
    'its genesis is cut': [cut('genesis.cbor'), 'control.genesis_lost'],
    'its genesis is gone': [remove('genesis.cbor'), 'control.genesis_lost'],
    'its ledger is gone': [remove('ledger'), 'ledger.sequencer_store_lost'],
    'its ledger has lost its root': [remove('ledger/CURRENT'), 'ledger.sequencer_store_lost'],
    'its ledger names what is not there': [
      (folder) => writeFileSync(join(folder, 'ledger/CURRENT'), 'MANIFEST-999999\n'),
      'ledger.store_corrupted'
    ],
    'its ledger is changed': [changeTables, 'ledger.store_corrupted'],
    'its blobs are no folder': [
      (folder) => {
        remove('blobs')(folder)
        writeFileSync(join(folder, 'blobs'), 'a file')
      },
      'store.corrupted'
    ]
  }
  for (const [name, [breakIt, code]] of Object.entries(CONTROL)) {
    it(`keeps the control node from starting, with the way to repair it, where ${name}`, async () => {
      const answer = await broken(sound, breakIt, upOf)
      deepEqual([errorOf(answer).code, answer.code], [code, EXIT.unavailable], answer.err)
      equal(answer.out, '')
    })
  }

  const NODE: Readonly<Record<string, readonly [(folder: string) => void, string, number]>> = {
    'its key is cut': [cut('node.key'), 'identity.key_malformed', EXIT.unavailable],
    'its genesis is changed': [change('genesis.cbor'), 'store.corrupted', EXIT.unavailable],
    'its ledger is changed': [changeTables, 'ledger.store_corrupted', EXIT.unavailable],
    'its blobs are no folder': [
      (folder) => {
        remove('blobs')(folder)
        writeFileSync(join(folder, 'blobs'), 'a file')
      },
      'store.corrupted',
      EXIT.unavailable
    ]
  }
  for (const [name, [breakIt, code, exit]] of Object.entries(NODE)) {
    it(`keeps a node from starting, with the way to repair it, where ${name}`, async () => {
      const words = (folder: string) => [
        ...['start', '--json', '--mesh', join(sound, 'genesis.cbor')],
        ...['--data', folder, '--listen', LOOPBACK]
      ]
      const answer = await broken(nodeSound, breakIt, (folder) =>
        commands.node(words(folder)).ended()
      )
      deepEqual([errorOf(answer).code, answer.code], [code, exit], answer.err)
    })
  }

  it('starts again where it is put back', async () => {
    const folder = files.path('repaired')
    cpSync(sound, folder, { recursive: true })
    cpSync(join(nodeSound, 'genesis.cbor'), join(folder, 'genesis.cbor'))
    const up = await commands.up(folder)
    up.run.child.kill('SIGTERM')
    equal((await up.run.ended()).code, EXIT.ok)
  })

  it('is refused where it is full, and nothing is half-written', async function () {
    const disk = SmallDisk.under(files.path('disk'), 1)
    // a full disk of its own takes the right to mount; disk-full.spec.ts needs none
    if (disk === null) return this.skip()
    started.add(disk, async (one) => one.unmount())
    const mesh = join(disk.folder, 'mesh')
    disk.fill({ leaving: 8_192 })
    const init = await commands.ended('init', '--data', mesh, '--json')
    if (init.code !== EXIT.ok) equal(errorOf(init).code, 'control.folder_unusable')
    deepEqual(halfWritten(disk.folder), [])
    disk.free()
    rmSync(mesh, { recursive: true, force: true })
    await commands.json('init', '--data', mesh)
    disk.fill()
    const up = await commands.ended('up', '--data', mesh, '--json')
    deepEqual([errorOf(up).code, up.code], ['ledger.store_failed', EXIT.unavailable])
    const add = await commands.ended(...files.addWords(mesh), '--json')
    deepEqual([errorOf(add).code, add.code], ['store.disk_full', EXIT.unavailable])
    deepEqual(halfWritten(disk.folder), [])
    disk.free()
    equal(
      z
        .looseObject({ sum_micro: z.number() })
        .parse(await commands.json('ledger', 'balance', '--data', mesh)).sum_micro,
      0
    )
  })
})

/** A byte in the middle of every file in which LevelDB keeps entries. */
function changeTables(folder: string): void {
  for (const name of readdirSync(join(folder, 'ledger'))) {
    const path = join(folder, 'ledger', name)
    const bytes = readFileSync(path)
    if (/\.(ldb|log)$/.test(name) && bytes.length > 0) writeFileSync(path, flipped(bytes))
  }
}
