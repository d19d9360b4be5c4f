/**
 * The ports of `kora up` where others want them too, and what it prints then: control nodes that start
 * at once, and ports that are taken after they were found free.
 */
import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { z } from 'zod'
import { controlSettings } from '../../control/cli/commands/control-options.ts'
import { openPlanned, openUpPage } from '../../control/cli/commands/up-page.ts'
import { type OpenControl, openControl } from '../../control/drivers/open-control.ts'
import { Commands, PATIENCE_MS } from '../support/kora-process.ts'
import { withCode } from '../support/mesh-fixtures.ts'
import { Started } from '../support/mesh-hosts.ts'

const ROUNDS = 3
const LINKS_LOST = /donate links of before lead nowhere/
const UpLine = z.object({ page_url: z.string(), addresses: z.array(z.string()) })
const Ports = z.object({ page: z.number(), peers: z.number() })
type Ports = z.infer<typeof Ports>

const portOf = (address: string | undefined): number =>
  Number(/\/(?:tcp|udp)\/(\d+)\//.exec(address ?? '')?.[1])

describe('the ports of kora up', function () {
  this.timeout(3 * PATIENCE_MS)
  const started = new Started()
  afterEach(() => started.endAll())
  const commands = new Commands(started)

  async function folderWith(ports: Ports): Promise<string> {
    const data = await started.folder()
    await writeFile(join(data, 'ports.json'), JSON.stringify(ports))
    return data
  }

  function takeTcp(port: number): Promise<number> {
    const server = started.add(
      createServer(),
      (one) => new Promise((resolve) => one.close(resolve))
    )
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
  }

  function takeUdp(port: number): Promise<number> {
    const socket = createSocket('udp4')
    started.add(socket, (one) => new Promise<void>((resolve) => one.close(resolve)))
    return new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(port, '127.0.0.1', () => resolve(socket.address().port))
    })
  }

  /** Numbers that nobody had a moment ago, so that tests beside this one keep the usual ones. */
  async function freePorts(): Promise<Ports> {
    const ports = { page: await takeTcp(0), peers: await takeTcp(0) }
    await started.endAll()
    return ports
  }

  /** Opens like `kora up`; another program comes between finding the ports free and listening there. */
  async function openRaced(data: string, race: (tries: number) => Promise<unknown>) {
    const settings = controlSettings({ data, listen: [], bootstrap: [] })
    let tries = 0
    const { plan, opened } = await openPlanned(settings, async (listen): Promise<OpenControl> => {
      await race(++tries)
      return openControl({ ...settings, localNodes: 0, listen }, () => {})
    })
    started.add(opened, (one) => one.close())
    return { plan, opened, tries }
  }

  async function pageOf({ plan, opened }: Awaited<ReturnType<typeof openRaced>>) {
    const said: string[] = []
    const err = (line: string): void => void said.push(line)
    const io = { out: () => {}, err, live: false, columns: 80 }
    const page = await openUpPage(plan, opened.node, io)
    if (page !== null) started.add(page, (one) => one.close())
    return { port: Number(new URL(page?.url ?? '').port), said: said.join('\n') }
  }

  const keptIn = async (data: string): Promise<Ports> =>
    Ports.parse(JSON.parse(await readFile(join(data, 'ports.json'), 'utf8')))

  it('are different for control nodes that start at once and want the same', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const ports = await freePorts()
      const folders = [await folderWith(ports), await folderWith(ports)]
      const runs = folders.map((data) =>
        commands.kora(['up', '--json', '--local-nodes', '0', '--data', data])
      )
      const lines = await Promise.all(runs.map((run) => run.firstLine()))
      const [one, two] = lines.map((line) => UpLine.parse(JSON.parse(line)))
      const sockets = [one, two].flatMap((up) =>
        ['/ws', '/webrtc-direct'].map((kind) =>
          portOf(up?.addresses.find((address) => address.includes(kind)))
        )
      )
      equal(sockets[0], sockets[1])
      equal(sockets[2], sockets[3])
      notEqual(sockets[0], sockets[2])
      notEqual(one?.page_url, two?.page_url)
      match(runs.map((run) => run.err).join('\n'), LINKS_LOST)
      for (const run of runs) run.child.kill('SIGTERM')
      for (const run of runs) equal((await run.ended()).code, 0, run.err)
    }
  })

  it('are others where they are taken after they were found free', async () => {
    for (const take of [takeTcp, takeUdp]) {
      const ports = await freePorts()
      const data = await folderWith(ports)
      const raced = await openRaced(data, async (tries) => tries === 1 && (await take(ports.peers)))
      equal(raced.tries, 2)
      await takeTcp(ports.page)
      const page = await pageOf(raced)
      notEqual(page.port, ports.page)
      match(page.said, LINKS_LOST)
      const listens = raced.opened.node
        .addresses()
        .filter((one) => /\/(ws|webrtc-direct)\//.test(one))
      deepEqual(
        listens.map((address) => portOf(address) === ports.peers),
        [false, false]
      )
      deepEqual(await keptIn(data), ports)
    }
  })

  it('are remembered as they came to be where the folder is new', async () => {
    const data = await folderWith(await freePorts())
    const { plan, ...raced } = await openRaced(data, async () => {})
    ok(plan.page !== null)
    // a folder that is new wants the usual ports, which tests beside this one have
    await rm(join(data, 'ports.json'))
    const { page: planned, peers } = plan.page.ports
    const asNew = { ...plan.page, ports: { ...plan.page.ports, isNew: true } }
    await takeTcp(planned)
    const page = await pageOf({ ...raced, plan: { ...plan, page: asNew } })
    deepEqual(await keptIn(data), { page: page.port, peers })
    notEqual(page.port, planned)
    equal(page.said, '')
  })

  it('are given up in the end', async () => {
    let taken = 0
    const data = await folderWith(await freePorts())
    const settings = controlSettings({ data, listen: [], bootstrap: [] })
    const opening = openPlanned(settings, async (listen) => {
      taken++
      await takeTcp(portOf(listen.find((address) => address.endsWith('/ws'))))
      return openControl({ ...settings, localNodes: 0, listen }, () => {})
    })
    await rejects(opening, withCode('net.port_in_use'))
    equal(taken, 8)
  })

  it('that are named stay as they are named, and nothing else is printed', async () => {
    const port = await takeUdp(0)
    const listen = ['--listen', `/ip4/127.0.0.1/udp/${port}/webrtc-direct`]
    const data = await started.folder()
    for (const words of [listen, ['--no-page', ...listen]]) {
      const refused = await commands.ended('up', '--json', '--data', data, ...words)
      equal(refused.out, '')
      equal(refused.code, 5, refused.err)
      match(refused.err, /^\{"error":\{"code":"net\.port_in_use"[^\n]*\n$/)
    }
  })
})
