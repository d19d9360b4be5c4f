/**
 * What do framed links and the blob exchange cost beside a raw libp2p stream of the same stack? Both
 * run between the same two processes, in turns; figures are ratios to the raw stream.
 *
 * A blob is read from disk, hashed, and written and synced to disk on the way; raw bytes are not.
 */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { z } from 'zod'
import { parsePeerId } from '#contracts'
import { BlobExchange } from '#mesh-node'
import { DiskBlobStore } from '#mesh-node/store'
import { seed } from '../support/mesh-fixtures.ts'
import { drawnBytes, Started } from '../support/mesh-hosts.ts'
import { isQuick, recordResult } from './report.ts'

const BLOB_BYTES = (isQuick ? 4 : 64) * 1024 * 1024
const ROUNDS = isQuick ? 2 : 7
const TRIPS = isQuick ? 100 : 1_000
const REQUEST = drawnBytes(400)

const started = new Started()
try {
  await run()
} finally {
  await started.endAll()
}

async function run(): Promise<void> {
  const dir = await started.folder()
  const seeds = await DiskBlobStore.open(dir)
  const blobs = []
  for (let round = 0; round < ROUNDS; round++)
    blobs.push(await seeds.put(drawnBytes(BLOB_BYTES, round + 1)))
  const child = await started.child('../bench/blob-child.ts', dir)
  const Addresses = z.object({ mesh: z.string(), bare: z.string() })
  const addresses = Addresses.parse(await child.next())

  const network = await started.host(3, { bootstrap: [addresses.mesh] })
  const store = await DiskBlobStore.open(await started.folder())
  const exchange = new BlobExchange({ network, store })
  const server = parsePeerId(addresses.mesh.split('/').at(-1) ?? '')
  const raw = await rawStreams(addresses.bare)
  const link = await network.openLink(server, 'work')
  let echoed = Promise.withResolvers<void>()
  link.onFrame(() => echoed.resolve())
  const linkTrip = async () => {
    echoed = Promise.withResolvers()
    link.send(REQUEST)
    await echoed.promise
  }

  /** Processor time of both processes, all threads. */
  const cpuMs = async () => {
    child.send({})
    const other = z.object({ cpuMs: z.number() }).parse(await child.next())
    const { user, system } = process.cpuUsage()
    return other.cpuMs + (user + system) / 1_000
  }
  const cpu = async (work: () => Promise<unknown>) => {
    const before = await cpuMs()
    await work()
    return (await cpuMs()) - before
  }
  const times: Record<
    'linkTrip' | 'rawTrip' | 'fetch' | 'rawBulk' | 'fetchCpu' | 'rawCpu',
    number[]
  > = {
    linkTrip: [],
    rawTrip: [],
    fetch: [],
    rawBulk: [],
    fetchCpu: [],
    rawCpu: []
  }
  for (let index = 0; index < TRIPS / 2; index++)
    for (const trip of [linkTrip, raw.trip]) await trip()
  await raw.bulk(BLOB_BYTES)
  for (const cid of blobs) {
    for (let index = 0; index < TRIPS; index++) times.linkTrip.push(await timed(linkTrip))
    for (let index = 0; index < TRIPS; index++) times.rawTrip.push(await timed(raw.trip))
    const bulk = async () => times.rawBulk.push(await timed(() => raw.bulk(BLOB_BYTES)))
    const fetch = async () =>
      times.fetch.push(await timed(() => exchange.fetch(cid, { from: [server] })))
    times.rawCpu.push(await cpu(bulk))
    times.fetchCpu.push(await cpu(fetch))
  }
  const rate = (ms: number) => BLOB_BYTES / 1024 / 1024 / (ms / 1_000)
  report('link round trip 400 B p50', {
    ours: median(times.linkTrip),
    theirs: median(times.rawTrip),
    unit: 'ms',
    better: 'less'
  })
  report('blob transfer', {
    ours: rate(median(times.fetch)),
    theirs: rate(median(times.rawBulk)),
    unit: 'MiB/s',
    better: 'more'
  })
  report(`processor time of a transfer of ${BLOB_BYTES / 1024 / 1024} MiB, both ends`, {
    ours: median(times.fetchCpu),
    theirs: median(times.rawCpu),
    unit: 'ms',
    better: 'less'
  })
}

async function rawStreams(address: string) {
  const host = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seed(4)),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()]
  })
  started.add(host, async (one) => one.stop())
  const echo = await host.dialProtocol(multiaddr(address), '/echo/1')
  const bulk = await host.dialProtocol(multiaddr(address), '/bulk/1')
  let left = 0
  let arrived = Promise.withResolvers<void>()
  const expect = (bytes: number) => {
    left = bytes
    arrived = Promise.withResolvers()
  }
  for (const stream of [echo, bulk]) {
    stream.addEventListener('message', ({ data }) => {
      left -= data.byteLength
      if (left <= 0) arrived.resolve()
    })
  }
  return {
    trip: async () => {
      expect(REQUEST.length)
      echo.send(REQUEST)
      await arrived.promise
    },
    bulk: async (bytes: number) => {
      expect(bytes)
      const request = new Uint8Array(4)
      new DataView(request.buffer).setUint32(0, bytes)
      bulk.send(request)
      await arrived.promise
    }
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

/** `better`: whether more or less of it is better; the ratio is more than 1 where we are better. */
function report(
  name: string,
  {
    ours,
    theirs,
    unit,
    better
  }: { ours: number; theirs: number; unit: string; better: 'more' | 'less' }
): void {
  const ratio = better === 'more' ? ours / theirs : theirs / ours
  recordResult({
    bench: 'blob',
    name,
    value: ours,
    unit,
    rival: `raw libp2p stream ${theirs.toPrecision(3)}`,
    ratio
  })
}
