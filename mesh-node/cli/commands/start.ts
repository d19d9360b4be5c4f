/**
 * `krako-node start`: runs a node until it is told to stop. The first signal finishes or hands back
 * every lease; a second one ends the process at once.
 */

import type { Logger } from 'pino'
import { stringify } from 'yaml'
import { type RunningNode, startNode } from '../../node.ts'
import { serveControl } from '../control-socket.ts'
import { nodeOptionsOf, readConfig } from '../node-config.ts'
import { nodeLog, reportLog } from '../node-log.ts'
import type { SettingKey } from '../node-settings.ts'
import type { CommandContext, Io } from '../run-program.ts'
import { statusDocument, statusLines } from '../status-document.ts'

export interface StartFlags {
  readonly settings: Readonly<Partial<Record<SettingKey, unknown>>>
  readonly config: string | null
  readonly json: boolean
  readonly printConfig: boolean
}

export async function start(flags: StartFlags, { io, signal }: CommandContext): Promise<void> {
  const settings = readConfig({ flags: flags.settings, env: process.env, file: flags.config })
  if (flags.printConfig) {
    io.out(flags.json ? JSON.stringify(settings) : stringify(settings).trimEnd())
    return
  }
  const log = nodeLog(settings.log_level)
  const ended = Promise.withResolvers<void>()
  // it may come to an end before anybody waits for it
  ended.promise.catch(() => {})
  const options = nodeOptionsOf(settings)
  const node = await startNode(options, {
    report: reportLog(log),
    fatal: ended.reject,
    logger: log
  })
  try {
    const control = await serveControl(settings.data, readyFacts(node), {
      'GET /status': () => statusDocument(node.status()),
      'GET /status/lines': () => ({ lines: statusLines(node.status()) }),
      'POST /pause': () => {
        node.pause()
        return statusDocument(node.status())
      },
      'POST /resume': () => {
        node.resume()
        return statusDocument(node.status())
      }
    })
    try {
      if (options.drill !== null) log.warn({ drill: options.drill }, 'this node lies on purpose')
      sayReady(node, io, flags.json)
      onStop(signal, ended.resolve)
      await ended.promise
      await drain(node, log)
    } finally {
      await control.close()
    }
  } finally {
    await node.stop()
  }
}

const readyFacts = (node: RunningNode) => ({
  mesh: node.mesh,
  peer_id: node.peerId,
  addresses: [...node.addresses()]
})

function sayReady(node: RunningNode, io: Io, json: boolean): void {
  const { pid } = process
  if (json) {
    io.out(JSON.stringify({ event: 'ready', ...readyFacts(node), pid }))
    return
  }
  io.out(`node ${node.peerId} is ready in mesh ${node.mesh}`)
  for (const address of node.addresses()) io.out(`  listens on ${address}`)
  io.out('  Ctrl-C finishes what runs and stops; a second one stops at once')
}

/** A signal, or the end of a parent that holds this process by an IPC channel. */
function onStop(signal: AbortSignal, stop: () => void): void {
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  if (process.channel === undefined) return
  process.once('disconnect', stop)
  process.channel.unref()
}

async function drain(node: RunningNode, log: Logger): Promise<void> {
  const { leases } = node.status().agent
  log.info({ leases }, 'stopping: finishing what runs, handing back the rest')
  await node.drain()
  const { ends, earnedMicro } = node.status().agent
  log.info({ ends, earned_micro: earnedMicro }, 'stopped')
}
