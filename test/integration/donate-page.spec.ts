/** The donate page over real HTTP: what it gives, what it never gives, and the link to it. */
import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { type IncomingHttpHeaders, request } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'
import {
  bytesToHex,
  cidMatches,
  type MeshError,
  noticeOf,
  openNotice,
  readDonateLink,
  sha256,
  signNotice
} from '#contracts'
import { nodeVerifier } from '#mesh-node'
import { DiskBlobStore } from '#mesh-node/store'
import { openDonatePage } from '../../control/drivers/donate-page.ts'
import { createMeshFolder, openMeshFolder } from '../../control/drivers/mesh-folder.ts'
import { PageFiles } from '../../control/drivers/page-files.ts'
import { readRange } from '../../control/drivers/page-range.ts'
import {
  modelBlobsOf,
  type PageServer,
  startPageServer
} from '../../control/drivers/page-server.ts'
import { ModelRegistry } from '../../control/registry/model-registry.ts'
import { openCertificate } from '../../mesh-node/net/webrtc-certificate.ts'
import { Commands, PATIENCE_MS } from '../support/kora-process.ts'
import { withCode } from '../support/mesh-fixtures.ts'
import { Started, until } from '../support/mesh-hosts.ts'

const PURPOSE = 'Transcribing the recordings of a public library.'
const SECRET = 'what nobody may read'
const SCRIPT = 'page-3F2A9C1D.js'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A request whose path goes over the wire as it is written here, which `fetch` would mend. */
function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string>; tls?: boolean } = {}
): Promise<Answer> {
  const { method = 'GET', headers = {}, tls = false } = options
  return new Promise((resolve, reject) => {
    const given = { host: '127.0.0.1', port, path, method, headers, rejectUnauthorized: false }
    const sent = (tls ? tlsRequest : request)(given, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts)
        })
      )
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe('the page server', function () {
  // a first bundle on a busy machine
  this.timeout(PATIENCE_MS)
  const started = new Started()
  let server: PageServer
  let models: ModelRegistry
  let folder: string
  let genesis: ReturnType<typeof createMeshFolder>['genesis']
  let signer: ReturnType<typeof createMeshFolder>['signer']

  before(async () => {
    folder = await started.folder()
    const dir = join(folder, 'page')
    await mkdir(join(dir, 'runtime-0A1B2C3D'), { recursive: true })
    await writeFile(join(folder, 'secret.txt'), SECRET)
    await writeFile(join(dir, 'index.html'), '<!doctype html><title>page</title>')
    await writeFile(join(dir, SCRIPT), 'export const hello = 1\n'.repeat(1_000))
    await writeFile(join(dir, 'runtime-0A1B2C3D', 'ort.wasm'), new Uint8Array(100_000))
    const mesh = createMeshFolder(
      join(folder, 'mesh'),
      { name: 'test', tenant: 'local', grantMicro: 1, trust: 'credibility', trusted: [] },
      Date.now()
    )
    genesis = mesh.genesis
    signer = mesh.signer
    models = await ModelRegistry.open(join(folder, 'models'))
    const { pageHeaders } = await import('#browser-node/build')
    server = await startPageServer(
      { host: '127.0.0.1', port: 0, tls: null },
      {
        files: await PageFiles.read(dir),
        headers: pageHeaders,
        genesis,
        notice: () => signNotice(noticeOf(PURPOSE, models.list()), { mesh: genesis.id, signer }),
        modelBlob: modelBlobsOf(
          () => models.list(),
          async (path) => (await stat(path)).size
        )
      }
    )
    started.add(server, (one) => one.close())
  })
  after(() => started.endAll())

  it('gives the page isolated, without inline code, and to no frame', async () => {
    const { status, headers, body } = await ask(server.port, '/')
    equal(status, 200)
    match(String(body), /<title>page/)
    match(String(headers['content-type']), /text\/html/)
    equal(headers['cross-origin-opener-policy'], 'same-origin')
    equal(headers['cross-origin-embedder-policy'], 'require-corp')
    ok(headers['cross-origin-resource-policy'] !== undefined)
    equal(headers['x-content-type-options'], 'nosniff')
    const policy = String(headers['content-security-policy'])
    match(policy, /default-src 'none'/)
    match(policy, /script-src 'self' 'wasm-unsafe-eval'(;|$)/)
    match(policy, /frame-ancestors 'none'/)
    ok(!policy.includes("'unsafe-inline'") && !policy.includes("'unsafe-eval'"))
  })

  it('lets what is named by its content be kept for ever, and asks again for the rest', async () => {
    const script = await ask(server.port, `/${SCRIPT}`)
    match(String(script.headers['cache-control']), /immutable/)
    const page = await ask(server.port, '/')
    equal(page.headers['cache-control'], 'no-cache')
    const again = await ask(server.port, '/', {
      headers: { 'if-none-match': String(page.headers.etag) }
    })
    equal(again.status, 304)
    equal(again.body.length, 0)
    const changed = await ask(server.port, '/', { headers: { 'if-none-match': '"other"' } })
    equal(changed.status, 200)
  })

  it('compresses what shrinks, for those who read it', async () => {
    const plain = await ask(server.port, `/${SCRIPT}`)
    const packed = await ask(server.port, `/${SCRIPT}`, { headers: { 'accept-encoding': 'gzip' } })
    equal(packed.headers['content-encoding'], 'gzip')
    ok(packed.body.length < plain.body.length / 10)
    deepEqual(gunzipSync(packed.body), plain.body)
    match(String(packed.headers.vary), /accept-encoding/)
  })

  it('answers HEAD as GET without the body', async () => {
    const [get, head] = [
      await ask(server.port, `/${SCRIPT}`),
      await ask(server.port, `/${SCRIPT}`, { method: 'HEAD' })
    ]
    equal(head.status, 200)
    equal(head.body.length, 0)
    equal(head.headers['content-length'], String(get.body.length))
    equal(head.headers.etag, get.headers.etag)
  })

  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']) {
    it(`takes no ${method}`, async () => {
      const { status, headers } = await ask(server.port, '/', { method })
      equal(status, 405)
      equal(headers.allow, 'GET, HEAD')
    })
  }

  for (const path of [
    '/../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/%2e%2e%2fsecret.txt',
    '/..\\secret.txt',
    '/runtime-0A1B2C3D/../../secret.txt',
    '/./index.html',
    '//secret.txt',
    '/index.html/',
    '/index.html%00',
    '/page',
    '/runtime-0A1B2C3D',
    '/runtime-0A1B2C3D/',
    '/blob/../../secret.txt',
    '/blob/%2e%2e%2f%2e%2e%2fsecret.txt',
    '/blob/',
    '/genesis/',
    '/genesis/../secret.txt',
    '/__proto__',
    '/constructor',
    '*',
    'http://127.0.0.1/../secret.txt',
    '/control.json',
    '/v1/status'
  ]) {
    it(`has nothing at ${path}`, async () => {
      const { status, headers, body } = await ask(server.port, path)
      equal(status, 404)
      ok(!String(body).includes(SECRET))
      equal(headers['x-content-type-options'], 'nosniff')
      match(String(headers['content-security-policy']), /default-src 'none'/)
    })
  }

  it('gives the genesis of its own mesh, whose hash is the id in the link', async () => {
    const { status, body } = await ask(server.port, `/genesis/${genesis.id}`)
    equal(status, 200)
    equal(bytesToHex(sha256(body)), genesis.id)
    equal((await ask(server.port, `/genesis/${'0'.repeat(64)}`)).status, 404)
  })

  it('says what the mesh is for and which models it needs, signed by its sequencer', async () => {
    const { status, headers, body } = await ask(server.port, `/mesh/${genesis.id}`)
    equal(status, 200)
    equal(headers['cache-control'], 'no-store')
    const notice = openNotice(new Uint8Array(body), nodeVerifier, genesis)
    equal(notice.purpose, PURPOSE)
    deepEqual(
      notice.models.map(({ cid }) => cid),
      models.list().map(({ cid }) => cid)
    )
    ok(notice.models.every(({ name, licence, bytes }) => name && licence && bytes > 0))
    for (const path of ['/mesh/', `/mesh/${'0'.repeat(64)}`, `/mesh/${genesis.id}/more`]) {
      equal((await ask(server.port, path)).status, 404, path)
    }
  })

  it('gives manifest and content of every model, as other sites may load it', async () => {
    for (const { cid, blobs } of models.list()) {
      const manifest = await ask(server.port, `/blob/${cid}`)
      ok(cidMatches(cid, manifest.body), cid)
      for (const part of blobs) {
        const { status, headers, body } = await ask(server.port, `/blob/${part.cid}`)
        equal(status, 200)
        ok(cidMatches(part.cid, body), part.cid)
        equal(headers['cross-origin-resource-policy'], 'cross-origin')
        match(String(headers['cache-control']), /immutable/)
      }
    }
  })

  it('goes on with content from the byte that is missing', async () => {
    const [part] = models.list()[0]?.blobs ?? []
    ok(part !== undefined)
    const path = `/blob/${part.cid}`
    const whole = await ask(server.port, path)
    equal(whole.headers['accept-ranges'], 'bytes')
    const { length } = whole.body
    const rest = await ask(server.port, path, { headers: { range: 'bytes=7-' } })
    equal(rest.status, 206)
    equal(rest.headers['content-range'], `bytes 7-${length - 1}/${length}`)
    deepEqual(rest.body, whole.body.subarray(7))
    const last = await ask(server.port, path, { headers: { range: 'bytes=-3' } })
    deepEqual(last.body, whole.body.subarray(length - 3))
    const other = { range: 'bytes=7-', 'if-range': '"other"' }
    equal((await ask(server.port, path, { headers: other })).status, 200)
    const beyond = await ask(server.port, path, { headers: { range: `bytes=${length}-` } })
    equal(beyond.status, 416)
    equal(beyond.headers['content-range'], `bytes */${length}`)
    const head = await ask(server.port, path, { method: 'HEAD', headers: { range: 'bytes=0-9' } })
    equal(head.headers['content-length'], '10')
    equal(head.body.length, 0)
  })

  it('reads ranges as the RFC has them', () => {
    const cases: readonly (readonly [string | undefined, unknown])[] = [
      [undefined, null],
      ['bytes=0-0', { from: 0, to: 1 }],
      ['bytes=2-', { from: 2, to: 10 }],
      ['bytes=2-99', { from: 2, to: 10 }],
      ['bytes=-4', { from: 6, to: 10 }],
      ['bytes=-99', { from: 0, to: 10 }],
      ['bytes=-0', 'unsatisfiable'],
      ['bytes=10-', 'unsatisfiable'],
      ['bytes=99-100', 'unsatisfiable'],
      ['bytes=5-2', null],
      ['bytes=0-1,3-4', null],
      ['bytes=-', null],
      ['items=0-1', null],
      ['bytes=1e3-', null],
      ['bytes=99999999999999999999-', null]
    ]
    for (const [header, expected] of cases) deepEqual(readRange(header, 10), expected, header)
    equal(readRange('bytes=0-', 0), 'unsatisfiable')
  })

  it('serves over https where it is given a certificate, and refuses one that is none', async () => {
    const { pem, privateKey } = await openCertificate(join(folder, 'tls.json'))
    const certFile = join(folder, 'page.pem')
    const keyFile = join(folder, 'page.key')
    await writeFile(certFile, pem)
    await writeFile(keyFile, privateKey)
    const ports = { genesis, signer, models, addresses: () => [] }
    const open = (files: { certFile: string; keyFile: string }) =>
      openDonatePage(
        { host: '127.0.0.1', port: 0, tls: files, publicUrl: null, purpose: '' },
        ports
      )
    const page = started.add(await open({ certFile, keyFile }), (one) => one.close())
    const url = new URL(page.url)
    equal(url.protocol, 'https:')
    equal((await ask(Number(url.port), '/', { tls: true })).status, 200)
    for (const files of [
      { certFile, keyFile: certFile },
      { certFile: join(folder, 'none'), keyFile }
    ]) {
      await rejects(open(files), withCode('page.certificate_unusable'))
    }
  })

  it('knows where browsers give a page what a tab needs', async () => {
    const peer = '/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
    const addresses = [
      `/ip4/127.0.0.1/tcp/4001${peer}`,
      `/ip4/127.0.0.1/tcp/8745/ws${peer}`,
      `/ip4/192.168.1.7/tcp/8745/ws${peer}`
    ]
    const open = async (publicUrl: string | null, given = addresses) =>
      started.add(
        await openDonatePage(
          {
            ...{ host: publicUrl === null ? '127.0.0.1' : '0.0.0.0', port: 0 },
            ...{ tls: null, publicUrl, purpose: '' }
          },
          { genesis, signer, models, addresses: () => given }
        ),
        (one) => one.close()
      )
    const local = await open(null)
    equal(local.isSecure, true)
    deepEqual(readDonateLink(local.donateUrl ?? '').peers, addresses.slice(1))
    const open2 = await open('http://192.168.1.7:8744/')
    equal(open2.isSecure, false)
    deepEqual(readDonateLink(open2.donateUrl ?? '').peers, addresses.slice(2))
    equal((await open('https://donate.example/')).isSecure, true)
    equal((await open('http://localhost:8744/')).isSecure, true)
    equal((await open(null, addresses.slice(0, 1))).donateUrl, null)
  })

  it('is no page without its document, and says so', async () => {
    await rejects(PageFiles.read(join(folder, 'mesh')), withCode('page.unavailable'))
    await rejects(PageFiles.read(join(folder, 'none')), withCode('page.unavailable'))
  })

  it('refuses a port that another program holds', async () => {
    const { port } = server
    const ports = { genesis, signer, models, addresses: () => [] }
    await rejects(
      openDonatePage({ host: '127.0.0.1', port, tls: null, publicUrl: null, purpose: '' }, ports),
      (error: MeshError) =>
        withCode('net.port_in_use')(error) && error.facts['address'] === `127.0.0.1:${port}`
    )
  })
})

const UpLine = z.strictObject({
  donate_url: z.string().nullable(),
  page_url: z.string().nullable(),
  mesh: z.string(),
  peer_id: z.string(),
  addresses: z.array(z.string()),
  url: z.string(),
  resumed: z.array(z.string())
})

describe('kora up with the donate page', function () {
  this.timeout(2 * PATIENCE_MS)
  const started = new Started()
  afterEach(() => started.endAll())
  const commands = new Commands(started)

  /** Ports that nobody had a moment ago, so that tests beside this one keep the usual ones. */
  async function folderWithPorts(): Promise<{ data: string; page: number; peers: number }> {
    const data = await started.folder()
    const ports = { page: await freePort(), peers: await freePort() }
    await writeFile(join(data, 'ports.json'), JSON.stringify(ports))
    return { data, ...ports }
  }

  async function up(data: string, ...more: readonly string[]) {
    const run = commands.kora(['up', '--json', '--local-nodes', '0', '--data', data, ...more])
    return { run, ...UpLine.parse(JSON.parse(await run.firstLine())) }
  }

  it('prints one line with a link whose every peer answers a host without flags', async () => {
    const { data, page } = await folderWithPorts()
    const first = await up(data)
    equal(first.page_url, `http://127.0.0.1:${page}/`)
    const link = readDonateLink(first.donate_url ?? '')
    equal(link.mesh, first.mesh)
    equal(link.peers.length, 2)
    for (const peer of link.peers) {
      const host = await started.host(7, { listen: [], bootstrap: [peer] })
      deepEqual(host.peers(), [first.peer_id], peer)
      await host.stop()
    }
    equal((await ask(page, '/')).status, 200)
    equal(first.run.isOver, false)
    equal(first.run.out.trim().split('\n').length, 1)
    await first.run.kill()
    const again = await up(data)
    equal(again.donate_url, first.donate_url)
  })

  it('gives nobody what lies in its store, its folder and its API', async () => {
    const { data, page } = await folderWithPorts()
    const before = await up(data, '--no-page')
    equal(before.donate_url, null)
    await before.run.kill()
    const store = await DiskBlobStore.open(join(data, 'blobs'))
    const secret = await store.put(new TextEncoder().encode(SECRET))
    const { mesh, url } = await up(data)
    equal((await ask(page, `/genesis/${mesh}`)).status, 200)
    const models = await ModelRegistry.open(join(data, 'models'))
    const open = new Set(
      models.list().flatMap(({ cid, blobs }) => [cid, ...blobs.map((b) => b.cid)])
    )
    const held = (await DiskBlobStore.open(join(data, 'blobs'))).list().map(({ cid }) => cid)
    ok(held.includes(secret))
    let shut = 0
    for (const cid of held) {
      const { status } = await ask(page, `/blob/${cid}`, { method: 'HEAD' })
      equal(status, open.has(cid) ? 200 : 404, cid)
      if (status === 404) shut++
    }
    // the planted one, and the genesis, which has a path of its own
    ok(shut >= 2)
    for (const path of ['/v1/status', '/control.json', '/control.key', '/genesis.cbor']) {
      equal((await ask(page, path)).status, 404, path)
    }
    equal((await ask(Number(new URL(url).port), '/')).status, 401)
  })

  it('keeps what the mesh is for until it is said anew', async () => {
    const { data, page } = await folderWithPorts()
    const purposeSaid = async (...words: readonly string[]): Promise<string> => {
      const { run, mesh } = await up(data, ...words)
      const { genesis } = openMeshFolder(data)
      const { body } = await ask(page, `/mesh/${mesh}`)
      await run.kill()
      return openNotice(new Uint8Array(body), nodeVerifier, genesis).purpose
    }
    equal(await purposeSaid(), '')
    equal(await purposeSaid('--purpose', PURPOSE), PURPOSE)
    equal(await purposeSaid(), PURPOSE)
    equal(await purposeSaid('--purpose', ''), '')
    const twoLines = await commands.ended('up', '--data', data, '--purpose', 'one\ntwo')
    equal(twoLines.code, 3)
    match(twoLines.err, /notice\.malformed/)
  })

  it('takes other ports for once where another program has the usual ones, and says so', async () => {
    const { data, page } = await folderWithPorts()
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(page, '127.0.0.1', resolve))
    started.add(taken, (one) => new Promise((resolve) => one.close(resolve)))
    const kept = await readFile(join(data, 'ports.json'), 'utf8')
    const { run, page_url: url } = await up(data)
    notEqual(Number(new URL(url ?? '').port), page)
    match(run.err, /donate links of before lead nowhere/)
    equal(await readFile(join(data, 'ports.json'), 'utf8'), kept)
  })

  it('refuses a port that is asked for and taken', async () => {
    const { data, page } = await folderWithPorts()
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(page, '127.0.0.1', resolve))
    started.add(taken, (one) => new Promise((resolve) => one.close(resolve)))
    const words = [
      'up',
      '--json',
      '--local-nodes',
      '0',
      '--data',
      data,
      '--page-port',
      String(page)
    ]
    const { code, err } = await commands.ended(...words)
    equal(code, 5)
    match(err, /net\.port_in_use/)
  })

  it('says that no tab can come where it listens for none', async () => {
    const { data } = await folderWithPorts()
    const { run, donate_url: link } = await up(data, '--listen', '/ip4/127.0.0.1/tcp/0')
    equal(link, null)
    match(run.err, /no tab can reach this node/)
  })

  it('ends in order though tabs are connected and dial it again', async () => {
    const { data } = await folderWithPorts()
    const { run, donate_url: link } = await up(data)
    const direct = readDonateLink(link ?? '').peers.filter((peer) =>
      peer.includes('/webrtc-direct/')
    )
    for (const fill of ['7', '8', '9'])
      await (await started.child('net-child.ts', fill, ...direct)).next()
    run.child.kill('SIGTERM')
    equal((await run.ended()).code, 0, run.err)
  })

  it('lends tabs an address through itself', async () => {
    const { data } = await folderWithPorts()
    const { donate_url: link, peer_id: relay } = await up(data)
    const { peers } = readDonateLink(link ?? '')
    const host = await started.host(7, { listen: ['/p2p-circuit'], bootstrap: peers })
    await until(() => host.addresses().length > 0, 'an address at the relay', PATIENCE_MS)
    ok(host.addresses().every((address) => address.includes(`${relay}/p2p-circuit`)))
  })
})

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  )
}
