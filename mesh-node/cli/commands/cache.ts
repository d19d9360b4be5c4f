/**
 * `krako-node cache`: the models and data that the node keeps by content id. Works beside a running
 * node: what it misses afterwards it fetches again.
 */
import { existsSync } from 'node:fs'
import type { Exit } from '#contracts'
import { MeshError } from '#contracts'
import { DiskBlobStore } from '#mesh-node/store'
import { blobDir } from '../../node-files.ts'
import { type CommandContext, table } from '../run-program.ts'
import type { StatusFlags } from './status.ts'

const openStore = ({ data }: StatusFlags): Promise<DiskBlobStore> =>
  DiskBlobStore.open(blobDir(data))

export async function cacheList(flags: StatusFlags, { io }: CommandContext): Promise<void> {
  const store = await openStore(flags)
  const blobs = store.list()
  if (flags.json) {
    io.out(JSON.stringify({ blobs, bytes: store.bytes }))
    return
  }
  for (const line of table(
    ['blob', 'bytes'],
    blobs.map(({ cid, size }) => [cid, size])
  )) {
    io.out(line)
  }
  io.out(`${blobs.length} blobs, ${store.bytes} bytes`)
}

/** Reads every blob again; damaged ones are put aside and named. */
export async function cacheVerify(flags: StatusFlags, { io }: CommandContext): Promise<Exit> {
  const store = await openStore(flags)
  const damaged: string[] = []
  const blobs = store.list()
  for (const { cid } of blobs) {
    if ((await store.verify(cid)) === 'corrupted') damaged.push(cid)
  }
  if (flags.json) io.out(JSON.stringify({ checked: blobs.length, damaged }))
  else {
    for (const cid of damaged) io.out(`damaged, put aside: ${cid}`)
    io.out(`${blobs.length} blobs checked, ${damaged.length} damaged`)
  }
  return damaged.length === 0 ? 'ok' : 'failed'
}

export async function cacheClear(flags: StatusFlags, { io }: CommandContext): Promise<void> {
  const store = await openStore(flags)
  const { bytes } = store
  let removed = 0
  for (const { cid } of store.list()) if (await store.remove(cid)) removed += 1
  if (flags.json) io.out(JSON.stringify({ removed, bytes }))
  else io.out(`${removed} blobs removed, ${bytes} bytes freed`)
}

export async function cacheAdd(
  files: readonly string[],
  flags: StatusFlags,
  { io }: CommandContext
): Promise<void> {
  const missing = files.find((file) => !existsSync(file))
  if (missing !== undefined) throw new MeshError('blob.not_found', { file: missing })
  const store = await openStore(flags)
  const added: { file: string; cid: string }[] = []
  for (const file of files) added.push({ file, cid: await store.putFile(file) })
  if (flags.json) io.out(JSON.stringify({ added }))
  else for (const { file, cid } of added) io.out(`${cid}  ${file}`)
}
