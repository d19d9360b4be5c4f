/** The cache of finished work: kept over a restart, damaged files are misses, old entries give way. */
import { deepEqual, equal } from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cidOfBytes } from '#contracts'
import { DiskResultCache } from '#control'

const key = (digit: string) => digit.repeat(64)
const CID = cidOfBytes(Uint8Array.of(1))

describe('the cache of finished work', () => {
  let dir = ''
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kora-cache-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it('finds after a restart what was kept before', async () => {
    await (await DiskResultCache.open(dir)).set(key('a'), CID)
    const again = await DiskResultCache.open(dir)
    equal(again.has(key('a')), true)
    equal(await again.get(key('a')), CID)
    equal(await again.get(key('b')), null)
  })

  it('takes a damaged entry for a miss, and replaces it', async () => {
    await writeFile(join(dir, key('a')), 'bafk-torn')
    const cache = await DiskResultCache.open(dir)
    equal(await cache.get(key('a')), null)
    await cache.set(key('a'), CID)
    equal(await cache.get(key('a')), CID)
  })

  it('passes over files that are no entries', async () => {
    await writeFile(join(dir, '.1.0.tmp'), CID)
    await writeFile(join(dir, 'notes.txt'), CID)
    const cache = await DiskResultCache.open(dir)
    equal(await cache.get('notes.txt'), null)
    await cache.set('../escape', CID)
    deepEqual((await readdir(dir)).sort(), ['.1.0.tmp', 'notes.txt'])
  })

  it('lets the oldest go when it is full', async () => {
    const cache = await DiskResultCache.open(dir, { entriesMax: 2 })
    for (const digit of ['a', 'b', 'c']) await cache.set(key(digit), CID)
    deepEqual(
      ['a', 'b', 'c'].map((digit) => cache.has(key(digit))),
      [false, true, true]
    )
    equal((await readdir(dir)).length, 2)
  })
})
