/**
 * Strangers at the links of a control node that runs as a process: every frame that is no message of
 * theirs costs them the link and is named in the operator's log, and honest nodes go on working.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { EXIT, parseMeshId } from '#contracts'
import { FRAME_BODIES } from '../support/frame-fixtures.ts'
import { HOSTILE_FRAMES, helloOf, type Speaker } from '../support/hostile-frames.ts'
import { HostileNode } from '../support/hostile-node.ts'
import {
  type Commands,
  type LoopFiles,
  loopMesh,
  ResultDocument,
  type UpRun
} from '../support/kora-process.ts'
import { type Started, until } from '../support/mesh-hosts.ts'

/** Lines of refusals in a minute: a stranger decides how often. */
const LINES_MAX = 10

describe('a stranger at a control node', function () {
  this.timeout(180_000)
  let started: Started
  let commands: Commands
  let files: LoopFiles
  let data: string
  let up: UpRun
  let fill = 120

  before(async () => {
    ;({ started, commands, files, data } = await loopMesh())
    up = await commands.up(data)
  })
  after(async () => {
    up.run.child.kill('SIGTERM')
    equal((await up.run.ended()).code, EXIT.ok, up.run.err)
    await started.endAll()
  })

  async function stranger(): Promise<{ node: HostileNode; speaker: Speaker }> {
    fill += 1
    const mesh = parseMeshId(up.mesh)
    const node = await HostileNode.start(started, { mesh, address: up.addresses[0] ?? '', fill })
    return { node, speaker: { mesh, signer: node.signer } }
  }

  /** Named in the operator's log, as long as that takes more of a minute's refusals. */
  const refused = ({ peer }: HostileNode, code: string): Promise<void> =>
    until(
      () =>
        up.run.err.includes(`refused ${peer}: ${code}`) ||
        up.run.err.split('\n').filter((line) => line.startsWith('refused ')).length >= LINES_MAX,
      `${code}: ${up.run.err}`
    )

  it('is refused by name where it speaks of a lease that is not its own, or says nothing first', async () => {
    const failure = { kind: 'failure', body: FRAME_BODIES.failure.full } as const
    const { node } = await stranger()
    node.send(failure)
    await refused(node, 'gateway.hello_missing')
    const { node: again } = await stranger()
    again.send(helloOf(again.signer))
    again.send(failure)
    await refused(again, 'lease.')
  })

  for (const [name, [code, frame]] of Object.entries(HOSTILE_FRAMES)) {
    it(`loses its link: ${name}`, async () => {
      const { node, speaker } = await stranger()
      node.sendRaw(frame(speaker))
      await until(() => !node.isLinked, 'the link is closed')
      await refused(node, code)
    })
  }

  it('does not keep honest nodes from their work with an endless hello and frames of all kinds', async () => {
    const { node } = await stranger()
    let isOver = false
    const flood = (async () => {
      while (!isOver && node.isLinked) {
        node.send(helloOf(node.signer))
        await pause(1)
      }
    })()
    const forgeries = (async () => {
      for (const [, frame] of Object.values(HOSTILE_FRAMES)) {
        const { node: other, speaker } = await stranger()
        other.sendRaw(frame(speaker))
      }
    })()
    const honest = await commands.join(up, files.path('honest'))
    const words = ['run', files.path('loops.json'), ...files.inputWords([5, 6, 7]), '--data', data]
    const document = ResultDocument.parse(await commands.json(...words))
    isOver = true
    await Promise.all([flood, forgeries])
    deepEqual([document.status, document.model_calls], ['completed', 3])
    const report = await commands.json('ledger', 'verify', '--data', data)
    equal(z.looseObject({ ok: z.boolean() }).parse(report).ok, true)
    honest.run.child.kill('SIGTERM')
    equal((await honest.run.ended()).code, EXIT.ok)
  })
})
