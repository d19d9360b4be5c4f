/**
 * The headers that every file of the page is served with, wherever it is served: isolation for
 * WASM threads, a policy without inline code, and caching by content. It serves nothing itself.
 */

/** Names that change with their content: `page-3F2A9C1D.js`, or anything below such a folder. */
const HASHED = /-[0-9A-Z]{8}(\.[a-z]+$|\/)/

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm'
}

/**
 * No inline code or style, no `eval`; peers are dialled by WebSocket, so any is allowed (WebRTC is
 * not subject to this policy).
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'"
]

/** The one document that other sites may frame: `<kora-donate>` runs its node in it. */
const FRAMED = 'frame.html'

/** For a path below the bundle, without a leading slash. */
export function pageHeaders(path: string): Readonly<Record<string, string>> {
  const ancestors = path === FRAMED ? 'frame-ancestors *' : "frame-ancestors 'none'"
  const type = TYPES[/\.[a-z]+$/.exec(path)?.[0] ?? '']
  return {
    'content-type': type ?? 'application/octet-stream',
    'content-security-policy': [...POLICY, ancestors].join('; '),
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
    // the embed script and its frame are loaded by other sites
    'cross-origin-resource-policy': 'cross-origin',
    'access-control-allow-origin': '*',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache'
  }
}
