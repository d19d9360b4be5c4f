/**
 * Reads a file inside the executor worker, whole. What a model's manifest names is checked against
 * its content id, since a browser's storage may be damaged; anything missing is a typed error.
 */
import { type Cid, cidDigest, equalBytes, MeshError } from '#contracts'
import type { FileRef } from './file-source.ts'
import { quickSha256 } from './quick-digest.ts'

async function readPrivate(path: string): Promise<ArrayBuffer> {
  const names = path.split('/')
  const last = names.pop() ?? ''
  let folder = await navigator.storage.getDirectory()
  for (const name of names) folder = await folder.getDirectoryHandle(name)
  return (await (await folder.getFileHandle(last)).getFile()).arrayBuffer()
}

async function readAddress(url: string): Promise<ArrayBuffer> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`status ${response.status}`)
  return response.arrayBuffer()
}

/** `name` is what the error calls it. */
export async function readFile(name: string, ref: FileRef): Promise<Uint8Array> {
  if (ref.kind === 'bytes') return ref.bytes
  try {
    const bytes = ref.kind === 'private' ? readPrivate(ref.path) : readAddress(ref.url)
    return new Uint8Array(await bytes)
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).slice(0, 200)
    throw new MeshError('model.file_missing', { file: name, reason }, { cause: error })
  }
}

export async function readModelFile(name: string, cid: Cid, ref: FileRef): Promise<Uint8Array> {
  const bytes = await readFile(name, ref)
  // what is not in a buffer of its own cannot be handed to the browser's code
  const own =
    bytes.buffer instanceof ArrayBuffer
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
      : bytes.slice()
  if (equalBytes(await quickSha256(own), cidDigest(cid))) return bytes
  throw new MeshError('model.file_missing', { file: name, cid, reason: 'the bytes are others' })
}
