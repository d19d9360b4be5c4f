/**
 * The worker that keeps blobs in the origin's private files: one call after the other for a blob, so
 * that the page's own thread neither hashes nor waits for a disk. Judges nothing.
 */
import { assertNever, BLOB_PARTIAL_AGE_MS_MAX } from '#contracts'
import type { DiskAnswer, DiskCall, DiskReply, DiskRequest } from './disk-protocol.ts'
import { PrivateFiles } from './private-files.ts'

const files = navigator.storage
  .getDirectory()
  .then((root) => PrivateFiles.at(root, BLOB_PARTIAL_AGE_MS_MAX))
files.catch(() => {})
/** Calls follow each other: parts are hashed in order, and a disk has one head. */
let order: Promise<void> = Promise.resolve()

const answerTo = async (request: DiskRequest): Promise<DiskReply> => {
  const { id } = request
  try {
    return { id, answer: await perform(await files, request) }
  } catch (error) {
    const known = error instanceof Error || error instanceof DOMException
    const { name, message } = known ? error : { name: 'Error', message: String(error) }
    return { id, fault: { name, message } }
  }
}

function perform(disk: PrivateFiles, request: DiskRequest): Promise<DiskAnswer<DiskCall>> {
  switch (request.call) {
    case 'open':
      return disk.open(request.args)
    case 'write':
      return disk.write(request.args)
    case 'digest':
      return disk.digest(request.args)
    case 'remove':
      return disk.remove(request.args)
    case 'touch':
      return disk.touch(request.args)
    case 'partOpen':
      return disk.partOpen(request.args)
    case 'partWrite':
      return disk.partWrite(request.args)
    case 'partCommit':
      return disk.partCommit(request.args)
    case 'partDigest':
      return disk.partDigest(request.args)
    case 'partClose':
      return disk.partClose(request.args)
    default:
      return assertNever(request)
  }
}

addEventListener('message', ({ data }: MessageEvent<DiskRequest>) => {
  order = order.then(async () => postMessage(await answerTo(data)))
})
