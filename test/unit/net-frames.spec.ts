/** Frames on a byte stream and the frames of a blob link: whatever the pieces, and whatever is sent. */
import { deepEqual, equal, throws } from 'node:assert/strict'
import fc from 'fast-check'
import { BLOB_CHUNK_BYTES, bytesToHex, cidOfBytes, hexToBytes, MeshError } from '#contracts'
import {
  type BlobFrame,
  decodeBlobFrame,
  encodeBlobFrame
} from '../../mesh-node/net/blob-frames.ts'
import { FrameReader, joinFrames } from '../../mesh-node/net/frame-reader.ts'
import { Slots } from '../../mesh-node/net/slots.ts'
import { withCode } from '../support/mesh-fixtures.ts'

describe('a frame reader', () => {
  const frames = fc.array(
    fc.record({
      head: fc.uint8Array({ maxLength: 40 }),
      body: fc.option(fc.uint8Array({ maxLength: 80_000, size: 'max' }), { freq: 3 })
    }),
    { maxLength: 12 }
  )

  it('gives back the frames that were joined, however the bytes are cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 70_000 })), (sent, cuts) => {
        const bytes = joinFrames(sent).subarray()
        const reader = new FrameReader()
        const seen: string[] = []
        let at = 0
        for (const cut of [...cuts, bytes.length]) {
          reader.push(bytes.subarray(at, at + cut), (frame) => seen.push(bytesToHex(frame)))
          at += cut
        }
        const expected = sent.map(({ head, body }) =>
          bytesToHex(Buffer.concat([head, body ?? new Uint8Array(0)]))
        )
        deepEqual(seen, expected)
        equal(reader.idle, true)
      }),
      { numRuns: 60 }
    )
  }).timeout(30_000)

  it('refuses a length over its limit before the bytes come, also byte by byte', () => {
    const reader = new FrameReader(10)
    const head = hexToBytes('0000000b')
    for (const byte of head.subarray(0, 3)) reader.push(new Uint8Array([byte]), () => {})
    throws(() => reader.push(head.subarray(3), () => {}), withCode('net.frame_too_large'))
  })

  it('is not idle in the middle of a frame', () => {
    const reader = new FrameReader()
    reader.push(hexToBytes('0000000201'), () => {})
    equal(reader.idle, false)
  })
})

describe('the frames of a blob link', () => {
  const cid = cidOfBytes(new Uint8Array([1, 2, 3]))
  const golden: readonly (readonly [BlobFrame, string])[] = [
    [
      { type: 'request', id: 7, offset: 2 ** 40, cid },
      `01000000070000010000000000${bytesToHex(new TextEncoder().encode(cid))}`
    ],
    [{ type: 'header', id: 1, size: 300 }, '0200000001000000000000012c'],
    [{ type: 'chunk', id: 0xffffffff, bytes: new Uint8Array([5, 6]) }, '03ffffffff0506'],
    [{ type: 'credit', id: 2, chunks: 513 }, '04000000020201'],
    [{ type: 'refusal', id: 3, reason: 'not_found' }, '050000000300'],
    [{ type: 'refusal', id: 3, reason: 'failed' }, '050000000303'],
    [{ type: 'cancel', id: 4 }, '0600000004']
  ]

  it('have these bytes', () => {
    for (const [frame, hex] of golden) {
      equal(bytesToHex(encodeBlobFrame(frame)), hex)
      deepEqual(decodeBlobFrame(hexToBytes(hex)), frame)
    }
  })

  it('are refused when they are cut short, longer, of no known kind or out of range', () => {
    const bad = [
      '',
      '0100',
      ...golden
        .filter(([{ type }]) => type !== 'chunk')
        .flatMap(([, hex]) => [hex.slice(0, -2), `${hex}00`]),
      '0300000001',
      `0300000001${'00'.repeat(BLOB_CHUNK_BYTES + 1)}`,
      '02000000010020000000000000',
      '050000000304',
      '0000000001',
      '0700000001'
    ]
    for (const hex of bad)
      throws(() => decodeBlobFrame(hexToBytes(hex)), MeshError, hex.slice(0, 40))
  })

  it('never break the reader, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          deepEqual(encodeBlobFrame(decodeBlobFrame(bytes)), new Uint8Array(bytes))
        } catch (error) {
          equal(error instanceof MeshError, true)
        }
      })
    )
  })
})

describe('slots', () => {
  const never = new AbortController().signal

  it('let in so many at once, and the others in order', async () => {
    const slots = new Slots(2, 10)
    const entered: number[] = []
    const enter = async (who: number) => {
      const free = await slots.take(never)
      entered.push(who)
      return free
    }
    const frees = await Promise.all([enter(1), enter(2)])
    const third = enter(3)
    const fourth = enter(4)
    deepEqual(entered, [1, 2])
    frees[0]?.()
    frees[0]?.()
    const free = await third
    deepEqual(entered, [1, 2, 3])
    free()
    await fourth
    deepEqual(entered, [1, 2, 3, 4])
  })

  it('refuse whoever would make the line too long, and forget whoever gives up', async () => {
    const slots = new Slots(1, 1)
    const free = await slots.take(never)
    const giveUp = new AbortController()
    const waiting = slots.take(giveUp.signal)
    await slots.take(never).then(
      () => throws(() => {}),
      (error: unknown) => equal(withCode('blob.refused')(error), true)
    )
    giveUp.abort(new Error('enough'))
    await waiting.then(
      () => throws(() => {}),
      (error: unknown) => equal(String(error), 'Error: enough')
    )
    free()
    await slots.take(never)
  })
})
