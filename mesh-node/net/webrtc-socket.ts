/**
 * WebRTC-Direct whose UDP socket outlives its host. In `node-datachannel` 0.33 a listener that is
 * stopped frees itself and stays registered all the same: the next packet of whoever redials reads
 * freed memory and ends the process. So it is stopped when nothing else keeps the process alive, and
 * nobody is answered there meanwhile. The port is not free again in this process.
 */
import { fstatSync } from 'node:fs'
import type { Listener } from '@libp2p/interface'
import type { NetworkParts } from './network.ts'

type MakeTransport = NetworkParts['transports'][number]

/** How soon a process ends that has nothing else to do. */
const LOOK_MS = 100

const kept = new Set<() => Promise<void>>()
let watch: ReturnType<typeof setInterval> | null = null

export function keepingItsSocket(make: MakeTransport): MakeTransport {
  return (components) => {
    const transport = make(components)
    const createListener = transport.createListener.bind(transport)
    transport.createListener = (options) => closingAtTheEnd(createListener(options))
    return transport
  }
}

function closingAtTheEnd(listener: Listener): Listener {
  const listen = listener.listen.bind(listener)
  const close = listener.close.bind(listener)
  let isOpen = false
  listener.listen = async (address) => {
    await listen(address)
    isOpen = true
  }
  listener.close = async () => {
    // of one that never had its port there is nothing to close, and closing it fails
    if (!isOpen) return
    kept.add(close)
    // what the native listener calls for each new peer
    Object.assign(listener, { incomingConnection: () => Promise.resolve() })
    watch ??= setInterval(closeIfIdle, LOOK_MS).unref()
  }
  return listener
}

/** A native listener keeps the loop alive without being among the resources that Node counts. */
function closeIfIdle(): void {
  if (!isIdle()) return
  if (watch !== null) clearInterval(watch)
  watch = null
  for (const close of kept) void close()
  kept.clear()
}

/** Node counts the pipes of the output, and that of a parent, though they keep nothing alive. */
function isIdle(): boolean {
  const resources = process.getActiveResourcesInfo()
  const pipes = resources.filter((name) => name === 'PipeWrap' || name === 'TTYWrap').length
  const own = [process.stdout.fd, process.stderr.fd].filter((fd) => !fstatSync(fd).isFile()).length
  return pipes === resources.length && pipes <= own + (process.channel === undefined ? 0 : 1)
}
