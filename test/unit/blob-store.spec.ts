/** The blob stores: what survives a kill, what is never given out, and what goes when room is needed. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import * as nodeFiles from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type Cid, cidOfBytes, cidOfDocument, encodeCanonical, parseCid } from '#contracts'
import { type BlobStore, DiskBlobStore, MemoryBlobs, type StoreFiles } from '#mesh-node/store'
import { withCode } from '../support/mesh-fixtures.ts'
import { drawnBytes, Started, until } from '../support/mesh-hosts.ts'

const KIB = 1024

/** Every file below a folder, as paths. */
async function filesBelow(dir: string): Promise<string[]> {
  const entries = await nodeFiles.readdir(dir, { recursive: true, withFileTypes: true })
  return entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
}

const pathOf = (dir: string, cid: Cid): string => join(dir, 'blobs', cid.slice(-4, -2), cid)

describe('a blob store', () => {
  const started = new Started()
  afterEach(() => started.endAll())
  const kinds: Readonly<Record<string, () => Promise<BlobStore>>> = {
    'on disk': async () => DiskBlobStore.open(await started.folder()),
    'in memory': async () => new MemoryBlobs()
  }
  for (const [where, open] of Object.entries(kinds)) {
    it(`${where} gives the bytes that were put, by their id`, async () => {
      const store = await open()
      for (const size of [0, 1, 16 * KIB, 16 * KIB + 1, 3 * 1024 * KIB]) {
        const bytes = drawnBytes(size, size + 1)
        const cid = await store.put(bytes)
        equal(cid, cidOfBytes(bytes))
        ok(await store.has(cid))
        equal(await store.size(cid), size)
        deepEqual(new Uint8Array((await store.get(cid)) ?? []), bytes)
      }
    })

    it(`${where} says of what it does not hold that it does not`, async () => {
      const store = await open()
      const cid = cidOfBytes(drawnBytes(10))
      equal(await store.has(cid), false)
      equal(await store.get(cid), null)
      equal(await store.size(cid), null)
      equal(await store.openReader(cid), null)
      equal(await store.remove(cid), false)
    })

    it(`${where} keeps a document under the id that names it, and refuses another`, async () => {
      const store = await open()
      const bytes = encodeCanonical({ a: 1 })
      const cid = cidOfDocument(bytes)
      equal(await store.put(bytes, cid), cid)
      deepEqual(new Uint8Array((await store.get(cid)) ?? []), bytes)
      const other = cidOfDocument(encodeCanonical({ a: 2 }))
      await rejects(store.put(bytes, other), withCode('blob.mismatch'))
    })

    it(`${where} reads parts and writes in parts`, async () => {
      const store = await open()
      const bytes = drawnBytes(1_000_000)
      const cid = cidOfBytes(bytes)
      const writer = await store.openWriter(cid)
      for (let at = 0; at < bytes.length; at += 333_333) {
        await writer.write(bytes.subarray(at, at + 333_333))
      }
      equal(await store.has(cid), false)
      ok(await writer.commit())
      const reader = await store.openReader(cid)
      deepEqual(new Uint8Array((await reader?.read(999_990, 100)) ?? []), bytes.subarray(999_990))
      await reader?.close()
    })

    it(`${where} goes on with what a suspended writer held`, async () => {
      const store = await open()
      const bytes = drawnBytes(100_000)
      const cid = cidOfBytes(bytes)
      const first = await store.openWriter(cid)
      await first.write(bytes.subarray(0, 60_000))
      await first.suspend()
      ok(store.hasPartial(cid))
      const second = await store.openWriter(cid)
      equal(second.offset, 60_000)
      await second.write(bytes.subarray(60_000))
      ok(await second.commit())
      deepEqual(new Uint8Array((await store.get(cid)) ?? []), bytes)
      equal(store.hasPartial(cid), false)
    })

    it(`${where} does not take bytes that are not the blob`, async () => {
      const store = await open()
      const cid = cidOfBytes(drawnBytes(10))
      const writer = await store.openWriter(cid)
      await writer.write(drawnBytes(10, 2))
      equal(await writer.commit(), false)
      await writer.discard()
      equal(await store.has(cid), false)
      const again = await store.openWriter(cid)
      equal(again.offset, 0)
      await again.discard()
    })
  }

  it('in memory refuses when it is full', async () => {
    const store = new MemoryBlobs(100)
    await store.put(new Uint8Array(60))
    await rejects(store.put(new Uint8Array(61)), withCode('store.full'))
  })
})

describe('a blob store on disk', () => {
  const started = new Started()
  afterEach(() => started.endAll())

  it('holds its blobs after it is opened again', async () => {
    const dir = await started.folder()
    const cid = await (await DiskBlobStore.open(dir)).put(drawnBytes(50_000))
    const again = await DiskBlobStore.open(dir)
    deepEqual(again.list(), [{ cid, size: 50_000 }])
    equal(again.bytes, 50_000)
  })

  it('holds whole blobs alone after kill -9 between write and rename', async () => {
    const dir = await started.folder()
    const Step = z.object({ cid: z.string() })
    const promised: Cid[] = []
    for (let round = 0; round < 3; round++) {
      const child = await started.child('store-child.ts', 'put', dir)
      for (let index = 0; index < 5 + round; index++) {
        promised.push(parseCid(Step.parse(await child.next()).cid))
      }
      await child.kill()
    }
    const store = await DiskBlobStore.open(dir)
    for (const cid of promised) equal(await store.verify(cid), 'sound')
    for (const { cid } of store.list()) equal(await store.verify(cid), 'sound')
    deepEqual(await nodeFiles.readdir(join(dir, 'temporary')), [])
  }).timeout(30_000)

  it('leaves what a killed process had not renamed out of sight and clears it away', async () => {
    const dir = await started.folder()
    await DiskBlobStore.open(dir)
    const left = join(dir, 'temporary', '999999999.0')
    await nodeFiles.writeFile(left, drawnBytes(100))
    const store = await DiskBlobStore.open(dir)
    deepEqual(store.list(), [])
    await rejects(nodeFiles.stat(left), /ENOENT/)
  })

  it('goes on where a killed process stopped writing', async () => {
    const dir = await started.folder()
    const child = await started.child('store-child.ts', 'write', dir)
    const Step = z.object({ offset: z.number() })
    let offset = 0
    while (offset < 1_000_000) offset = Step.parse(await child.next()).offset
    await child.kill()
    const bytes = drawnBytes(8 * 1024 * KIB)
    const cid = cidOfBytes(bytes)
    const store = await DiskBlobStore.open(dir)
    ok(store.hasPartial(cid))
    const writer = await store.openWriter(cid)
    ok(writer.offset >= offset && writer.offset < bytes.length, `resumed at ${writer.offset}`)
    await writer.write(bytes.subarray(writer.offset))
    ok(await writer.commit())
    equal(await store.verify(cid), 'sound')
  })

  it('puts a damaged blob aside and counts it as missing', async () => {
    for (const size of [1_000, 100_000]) {
      const dir = await started.folder()
      const cid = await (await DiskBlobStore.open(dir)).put(drawnBytes(size))
      await nodeFiles.writeFile(pathOf(dir, cid), drawnBytes(size, 7))
      const told: Cid[] = []
      const store = await DiskBlobStore.open(dir, { onCorrupted: (one) => told.push(one) })
      equal(await store.get(cid), null)
      equal(await store.has(cid), false)
      deepEqual(told, [cid])
      ok((await filesBelow(join(dir, 'corrupted'))).length === 1)
      await store.put(drawnBytes(size))
      equal(await store.verify(cid), 'sound')
    }
  })

  it('gives out no path and no reader of a damaged blob', async () => {
    const dir = await started.folder()
    const cid = await (await DiskBlobStore.open(dir)).put(drawnBytes(100_000))
    await nodeFiles.truncate(pathOf(dir, cid), 99_999)
    equal(await (await DiskBlobStore.open(dir)).path(cid), null)
    await (await DiskBlobStore.open(dir)).put(drawnBytes(100_000))
    await nodeFiles.writeFile(pathOf(dir, cid), drawnBytes(100_000, 3))
    equal(await (await DiskBlobStore.open(dir)).openReader(cid), null)
    equal(await (await DiskBlobStore.open(dir)).verify(cid), 'missing')
  })

  it('copies a file in under the id of its bytes', async () => {
    const dir = await started.folder()
    const source = join(await started.folder(), 'model.onnx')
    const bytes = drawnBytes(3_000_000)
    await nodeFiles.writeFile(source, bytes)
    const store = await DiskBlobStore.open(dir)
    const cid = await store.putFile(source)
    equal(cid, cidOfBytes(bytes))
    equal(await store.putFile(source), cid)
    equal(await store.path(cid), pathOf(dir, cid))
    deepEqual(await nodeFiles.readdir(join(dir, 'temporary')), [])
  })

  it('takes one blob from many at once and stores it once', async () => {
    const dir = await started.folder()
    const store = await DiskBlobStore.open(dir)
    const bytes = drawnBytes(100_000)
    const cids = await Promise.all(Array.from({ length: 20 }, () => store.put(bytes)))
    equal(new Set(cids).size, 1)
    equal(store.bytes, 100_000)
    equal((await filesBelow(dir)).length, 2)
  })

  it('drops the longest unused blob first, never one that is pinned or held', async () => {
    const blobs = [1, 2, 3, 4].map((start) => drawnBytes(100_000, start))
    const [pinned, held, oldest, used] = blobs.map(cidOfBytes)
    ok(pinned && held && oldest && used)
    const store = await DiskBlobStore.open(await started.folder(), {
      bytesMax: 400_000,
      pinned: [pinned]
    })
    for (const bytes of blobs) await store.put(bytes)
    const hold = await store.hold(held)
    await store.get(used)
    await store.put(drawnBytes(100_000, 5))
    deepEqual(await Promise.all([pinned, held, oldest, used].map((cid) => store.has(cid))), [
      true,
      true,
      false,
      true
    ])
    await store.put(drawnBytes(200_000, 6))
    await rejects(store.put(drawnBytes(300_000, 7)), withCode('store.full'))
    hold?.release()
    await store.put(drawnBytes(300_000, 7))
    ok(await store.has(pinned))
    equal(await store.has(held), false)
    ok(store.bytes <= 400_000)
  })

  it('refuses a blob over the limit, however it comes', async () => {
    const dir = await started.folder()
    const store = await DiskBlobStore.open(dir, { blobBytesMax: 1_000 })
    const bytes = drawnBytes(1_001)
    await rejects(store.put(bytes), withCode('blob.too_large'))
    await rejects(store.putVolatile(bytes), withCode('blob.too_large'))
    const source = join(await started.folder(), 'big')
    await nodeFiles.writeFile(source, bytes)
    await rejects(store.putFile(source), withCode('blob.too_large'))
    const writer = await store.openWriter(cidOfBytes(bytes))
    await rejects(writer.write(bytes), withCode('blob.too_large'))
    await writer.discard()
    equal((await filesBelow(dir)).length, 1)
  })

  it('keeps volatile blobs in memory, and on disk where memory is full', async () => {
    const dir = await started.folder()
    const store = await DiskBlobStore.open(dir, { memoryBytesMax: 10_000 })
    const blobs = Array.from({ length: 20 }, (_, index) => drawnBytes(1_000, index + 1))
    const cids: Cid[] = []
    for (const bytes of blobs) cids.push(await store.putVolatile(bytes))
    equal((await filesBelow(join(dir, 'blobs'))).length, 10)
    for (const [index, cid] of cids.entries()) {
      deepEqual(new Uint8Array((await store.get(cid)) ?? []), blobs[index])
    }
    const last = cids.at(-1)
    ok(last)
    equal(await store.path(last), pathOf(dir, last))
  })

  it('refuses a folder that is something else, and names what is in the way', async () => {
    const foreign = await started.folder()
    await nodeFiles.writeFile(join(foreign, 'thesis.txt'), 'precious')
    const unknown = await started.folder()
    await DiskBlobStore.open(unknown)
    await nodeFiles.writeFile(join(unknown, 'layout.json'), '{"kora_blob_store":2}\n')
    const missing = await started.folder()
    await DiskBlobStore.open(missing)
    await nodeFiles.rmdir(join(missing, 'partial'))
    const strange = await started.folder()
    await DiskBlobStore.open(strange)
    await nodeFiles.mkdir(join(strange, 'blobs', 'ab'))
    await nodeFiles.writeFile(join(strange, 'blobs', 'ab', 'not-a-blob'), '')
    const file = join(await started.folder(), 'file')
    await nodeFiles.writeFile(file, '')
    for (const dir of [foreign, unknown, missing, strange, file]) {
      const before = await filesBelow(dir).catch(() => [])
      await rejects(DiskBlobStore.open(dir), (error: Error & { facts?: { path?: string } }) => {
        ok(error.facts?.path?.startsWith(dir))
        return withCode('store.corrupted')(error)
      })
      deepEqual(await filesBelow(dir).catch(() => []), before)
    }
  })

  it('makes itself whole after a kill while it was made', async () => {
    const dir = await started.folder()
    await nodeFiles.mkdir(join(dir, 'blobs'))
    await nodeFiles.mkdir(join(dir, 'temporary'))
    const store = await DiskBlobStore.open(dir)
    ok(await store.has(await store.put(drawnBytes(10))))
  })
})

/** A disk that is full after so many bytes: writes beyond are cut short, as a real one does. */
function fullDisk(bytesMax: number): StoreFiles {
  let room = bytesMax
  const noSpace = () =>
    Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  return {
    ...nodeFiles,
    open: async (path, flags) => {
      const file = await nodeFiles.open(path, flags)
      const write = file.writeFile.bind(file)
      const limited = async (data: Uint8Array) => {
        const fits = Math.min(room, data.length)
        room -= fits
        await write(data.subarray(0, fits))
        if (fits < data.length) throw noSpace()
      }
      Object.assign(file, { writeFile: limited, appendFile: limited })
      return file
    }
  }
}

describe('a blob store on a full disk', () => {
  const started = new Started()
  afterEach(() => started.endAll())

  it('refuses with a typed error and leaves nothing half-written', async () => {
    const dir = await started.folder()
    const store = await DiskBlobStore.open(dir, {}, { files: fullDisk(150_000) })
    const held = await store.put(drawnBytes(100_000))
    const source = join(await started.folder(), 'big')
    await nodeFiles.writeFile(source, drawnBytes(90_000, 3))
    await rejects(store.put(drawnBytes(100_000, 2)), withCode('store.disk_full'))
    await rejects(store.putFile(source), withCode('store.disk_full'))
    deepEqual(await nodeFiles.readdir(join(dir, 'temporary')), [])
    deepEqual(store.list(), [{ cid: held, size: 100_000 }])
    equal(await store.verify(held), 'sound')
  })

  it('tells a writer, whose part can be discarded', async () => {
    const dir = await started.folder()
    const store = await DiskBlobStore.open(dir, {}, { files: fullDisk(50_000) })
    const bytes = drawnBytes(100_000)
    const writer = await store.openWriter(cidOfBytes(bytes))
    await rejects(writer.write(bytes), withCode('store.disk_full'))
    await writer.discard()
    deepEqual(await nodeFiles.readdir(join(dir, 'partial')), [])
    await until(() => !store.hasPartial(cidOfBytes(bytes)), 'the part is gone')
  })
})
