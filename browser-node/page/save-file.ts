/** Hands bytes to the owner as a file, through the browser's own download. */

/** Long enough for a browser to have taken the bytes. */
const KEPT_MS = 60_000

export function saveFile(name: string, bytes: Uint8Array): void {
  const url = URL.createObjectURL(new Blob([new Uint8Array(bytes)]))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS)
}
