export type { BlobState } from './blob-shelf.ts'
export type { BlobReader, BlobStore, BlobWriter, HeldBlob } from './blob-store.ts'
export {
  DiskBlobStore,
  type DiskBlobStoreOptions,
  type DiskBlobStorePorts
} from './disk-blob-store.ts'
export { MemoryBlobs } from './memory-blobs.ts'
export { diskError, type StoreFiles } from './store-folder.ts'
