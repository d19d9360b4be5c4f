/** The cache of finished work: kept over a restart, damaged files are misses, old entries give way. */
import { deepEqual, equal } from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cidOfBytes } from '#contracts'
import { DiskResultCache } from '#control'
import { unitOf } from '../support/mesh-units.ts'

const key = (digit: string) => digit.repeat(64)
const CID = cidOfBytes(Uint8Array.of(1))
const OTHER = cidOfBytes(Uint8Array.of(2))
const { id: UNIT } = unitOf('one')
const { id: ANOTHER } = unitOf('other')

describe('the cache of finished work', () => {
  let dir = ''
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kora-cache-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it('finds after a restart what was kept before', async () => {
    await (await DiskResultCache.open(dir)).set(key('a'), CID, UNIT)
    const again = await DiskResultCache.open(dir)
    equal(again.has(key('a')), true)
    equal(await again.get(key('a')), CID)
    equal(await again.get(key('b')), null)
  })

  it('takes a damaged entry for a miss, and replaces it', async () => {
    await writeFile(join(dir, key('a')), 'bafk-torn')
    const cache = await DiskResultCache.open(dir)
    equal(await cache.get(key('a')), null)
    await cache.set(key('a'), CID, UNIT)
    equal(await cache.get(key('a')), CID)
  })

  it('passes over files that are no entries', async () => {
    await writeFile(join(dir, '.1.0.tmp'), CID)
    await writeFile(join(dir, 'notes.txt'), CID)
    const cache = await DiskResultCache.open(dir)
    equal(await cache.get('notes.txt'), null)
    await cache.set('../escape', CID, UNIT)
    deepEqual((await readdir(dir)).sort(), ['.1.0.tmp', 'notes.txt'])
  })

  it('lets the oldest go when it is full', async () => {
    const cache = await DiskResultCache.open(dir, { entriesMax: 2 })
    for (const digit of ['a', 'b', 'c']) await cache.set(key(digit), CID, UNIT)
    deepEqual(
      ['a', 'b', 'c'].map((digit) => cache.has(key(digit))),
      [false, true, true]
    )
    equal((await readdir(dir)).length, 2)
  })

  it('passes over what was doubted, after a restart too, until another unit gives a result', async () => {
    const cache = await DiskResultCache.open(dir)
    await cache.set(key('a'), CID, UNIT)
    await cache.set(key('b'), CID, ANOTHER)
    await cache.doubt(UNIT)
    equal(await cache.get(key('a')), null)
    equal(await cache.get(key('b')), CID, 'what others gave stands')
    const again = await DiskResultCache.open(dir)
    equal(await again.get(key('a')), null)
    await again.set(key('a'), CID, UNIT)
    equal(await again.get(key('a')), null, 'it is not set again by the unit in doubt')
    await again.set(key('a'), OTHER, ANOTHER)
    equal(await again.get(key('a')), OTHER)
  })

  it('finds for a replay what was taken then', async () => {
    const cache = await DiskResultCache.open(dir)
    await cache.set(key('a'), CID, UNIT)
    await cache.doubt(UNIT)
    const replay = await DiskResultCache.open(dir, { isReplay: true })
    equal(await replay.get(key('a')), CID)
  })

  it('keeps the second result of a unit whose first was looked at again, whatever is under way', async () => {
    const cache = await DiskResultCache.open(dir)
    const changes = [cache.set(key('a'), CID, UNIT), cache.drop(key('a'))]
    equal(cache.has(key('a')), false)
    changes.push(cache.set(key('a'), OTHER, UNIT))
    await Promise.all(changes)
    equal(await cache.get(key('a')), OTHER)
    equal(await (await DiskResultCache.open(dir)).get(key('a')), OTHER)
  })
})
