/**
 * How commands on this machine speak to the running node: HTTP on loopback, its address and a secret
 * in `control.json` of the data folder, readable by the owner alone. Answers nobody without the secret.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { z } from 'zod'
import { assert, MeshError, readShape } from '#contracts'

const ControlFile = z.strictObject({
  pid: z.int().min(1),
  url: z.url(),
  token: z.string().min(32).max(128),
  mesh: z.string(),
  peer_id: z.string(),
  addresses: z.array(z.string())
})
type ControlFile = z.infer<typeof ControlFile>

/** A running node answers in milliseconds, also under load. */
const ANSWER_MS = 5_000

/** What the running node does when it is asked; each gives the document to answer with. */
export type ControlRoutes = Readonly<Record<string, () => unknown>>

export interface ControlSocket {
  close(): Promise<void>
}

const pathIn = (dataDir: string): string => join(dataDir, 'control.json')

/** Listens, and writes where. Routes are named `GET /status` and the like. */
export async function serveControl(
  dataDir: string,
  facts: Pick<ControlFile, 'mesh' | 'peer_id' | 'addresses'>,
  routes: ControlRoutes
): Promise<ControlSocket> {
  const token = randomBytes(24).toString('hex')
  const server = createServer((request, response) => answer(request, response, { token, routes }))
  await listen(server)
  const address = server.address()
  assert(address !== null && typeof address === 'object', 'a TCP server has an address')
  const file = { pid: process.pid, url: `http://127.0.0.1:${address.port}`, token, ...facts }
  writeFileSync(pathIn(dataDir), `${JSON.stringify(file)}\n`, { mode: 0o600 })
  return {
    async close() {
      rmSync(pathIn(dataDir), { force: true })
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    }
  }
}

/** Asks the node of this folder. Throws `node.not_running` where none answers. */
export async function askControl(dataDir: string, method: 'GET' | 'POST', path: string) {
  const { url, token } = readControlFile(dataDir)
  let response: Response
  try {
    response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_MS)
    })
  } catch (cause) {
    throw new MeshError('node.not_running', { data: dataDir, reason: 'no answer' }, { cause })
  }
  const document: unknown = await response.json()
  if (response.ok) return document
  throw new MeshError('node.not_running', { data: dataDir, status: response.status })
}

function readControlFile(dataDir: string): ControlFile {
  let plain: unknown
  try {
    plain = JSON.parse(readFileSync(pathIn(dataDir), 'utf8'))
  } catch (cause) {
    throw new MeshError('node.not_running', { data: dataDir }, { cause })
  }
  return readShape(ControlFile, plain, 'node.not_running')
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { token, routes }: { readonly token: string; readonly routes: ControlRoutes }
): void {
  // nothing that is asked has a body
  request.resume()
  const say = (status: number, document: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(`${JSON.stringify(document)}\n`)
  }
  if (!isAuthorised(request.headers.authorization ?? '', token)) {
    say(401, { error: 'unauthorised' })
    return
  }
  const name = `${request.method} ${request.url}`
  const route = Object.hasOwn(routes, name) ? routes[name] : undefined
  if (route === undefined) say(404, { error: 'no such route' })
  else say(200, route())
}

function isAuthorised(header: string, token: string): boolean {
  const given = Buffer.from(header)
  const wanted = Buffer.from(`Bearer ${token}`)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

function listen(server: Server): Promise<void> {
  return new Promise((listening, failed) => {
    server.once('error', failed)
    server.listen(0, '127.0.0.1', listening)
  })
}
