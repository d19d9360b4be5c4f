/**
 * Models that are registered while `kora up` runs: the page names them, graphs may, and nobody starts
 * anything again. One that cannot be read costs the running mesh nothing.
 */
import { equal, match, ok } from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { openNotice } from '#contracts'
import { nodeVerifier } from '#mesh-node'
import { openMeshFolder } from '../../control/drivers/mesh-folder.ts'
import { type CommandRun, Commands, LoopFiles, npy, PATIENCE_MS } from '../support/kora-process.ts'
import { Started, until } from '../support/mesh-hosts.ts'

const UpLine = z.object({ mesh: z.string(), page_url: z.string() })

describe('a model added beside a running control node', function () {
  this.timeout(4 * PATIENCE_MS)
  const started = new Started()
  const commands = new Commands(started)
  let files: LoopFiles
  let data = ''
  let up: CommandRun
  let notice = ''

  before(async function () {
    this.timeout(PATIENCE_MS)
    files = new LoopFiles(await started.folder())
    data = files.path('mesh')
    up = commands.kora(['up', '--json', '--local-nodes', '1', '--data', data])
    const { mesh, page_url: url } = UpLine.parse(JSON.parse(await up.firstLine()))
    notice = new URL(`mesh/${mesh}`, url).href
  })
  after(() => started.endAll())

  async function named(): Promise<readonly string[]> {
    const bytes = new Uint8Array(await (await fetch(notice)).arrayBuffer())
    const { models } = openNotice(bytes, nodeVerifier, openMeshFolder(data).genesis)
    return models.map(({ name }) => name)
  }

  const run = () =>
    commands.ended('run', files.path('loops.json'), ...files.inputWords([2, 3]), '--data', data)

  it('is named by the page, planned and run at once', async () => {
    equal((await named()).includes('looping'), false)
    ok((await run()).code !== 0)
    equal((await commands.ended(...files.addWords(data))).code, 0)
    const ended = await run()
    equal(ended.code, 0, ended.err)
    ok((await named()).includes('looping'))
    match(up.err, /model looping added: baf/)
  })

  it('gives way to another of its name', async () => {
    // another golden run, and so another manifest
    files.write('few.npy', npy('<i8', [2]))
    equal((await commands.ended(...files.addWords(data))).code, 0)
    await until(() => up.err.split('model looping added').length > 2, 'the second one', PATIENCE_MS)
    equal((await named()).filter((name) => name === 'looping').length, 1)
    equal((await run()).code, 0)
  })

  it('is left out with the reason where nothing in it is a model, and the rest goes on', async () => {
    const folder = join(data, 'models', 'bafkreinothing')
    mkdirSync(folder)
    writeFileSync(join(folder, 'manifest.cbor'), 'nothing')
    await until(() => up.err.includes('a model is left out'), 'the fault said', PATIENCE_MS)
    match(up.err, /model\.registry_corrupted.*bafkreinothing/)
    equal((await run()).code, 0)
    equal(up.err.split('a model is left out').length, 2)
    equal(up.isOver, false)
  })
})
