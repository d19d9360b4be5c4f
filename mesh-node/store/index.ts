export type { BlobReader, BlobStore, BlobWriter } from './blob-store.ts'
export {
  type BlobState,
  DiskBlobStore,
  type DiskBlobStoreOptions,
  type DiskBlobStorePorts,
  type HeldBlob
} from './disk-blob-store.ts'
export { MemoryBlobs } from './memory-blobs.ts'
export type { StoreFiles } from './store-folder.ts'
