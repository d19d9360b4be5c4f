/**
 * Serves folders on loopback with the headers of the product's page, so that a test page lives
 * under the same isolation and the same policy. Files only; it lists nothing.
 */
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join, normalize } from 'node:path'
import { pageHeaders } from '#browser-node/build'

export interface StaticServer {
  readonly url: string
  readonly close: () => Promise<void>
}

export interface ServerOptions {
  /** The first folder that has a file gives it. */
  readonly folders: readonly string[]
  /** In place of the page's headers, by name; an empty value leaves a header out. */
  readonly headers?: Readonly<Record<string, string>>
}

export async function startStaticServer({
  folders,
  headers = {}
}: ServerOptions): Promise<StaticServer> {
  const server = createServer((request, response) => {
    const asked = decodeURIComponent(new URL(request.url ?? '/', 'http://test').pathname)
    const name = normalize(asked === '/' ? '/index.html' : asked).slice(1)
    const path = folders.map((folder) => join(folder, name)).find((file) => isFile(file))
    if (path === undefined || name.startsWith('..')) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end(`no ${name}`)
      return
    }
    const all = Object.entries({ ...pageHeaders(name), ...headers })
    response.writeHead(200, Object.fromEntries(all.filter(([, value]) => value !== '')))
    createReadStream(path).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${portOf(server)}/`, close: () => closed(server) }
}

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile()

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve, reject) =>
    server.close((error) => (error ? reject(error) : resolve()))
  )
}
