/**
 * Where the files of models and inputs lie in a browser. The worker opens them itself, so that no
 * model passes through the page's thread. Reads nothing here.
 */

/** One file: in the origin's private files, at an address of this origin, or at hand. */
export type FileRef =
  | { readonly kind: 'private'; readonly path: string }
  | { readonly kind: 'address'; readonly url: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }

/** Turns a path of the blob store into what a worker can open. */
export type FileSource = (path: string) => FileRef

const ADDRESS = /^https?:/

/** Addresses are fetched; any other path is one of the origin's private files, from their root. */
export const privateFiles: FileSource = (path) =>
  ADDRESS.test(path) ? { kind: 'address', url: path } : { kind: 'private', path }
