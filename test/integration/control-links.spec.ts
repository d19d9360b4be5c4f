/**
 * Hostile and careless clients at a real control node, over real libp2p: questions that were taken from
 * another link, asked again, asked without end or for nothing, and submissions that are not what they
 * say. Nothing runs or is billed twice, nothing grows without bound, and others are served meanwhile.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import {
  CONTROL_ASKS_PER_LINK_MAX,
  CONTROL_SESSIONS_PER_TENANT_MAX,
  type ControlFrame,
  type ControlWant,
  cidOfBytes,
  GRAPH_BYTES_MAX,
  parseSessionId,
  type SessionId
} from '#contracts'
import { type OpenControl, openControl } from '../../control/drivers/open-control.ts'
import { clientKey, type HandClient, handClient } from '../support/hand-client.ts'
import { Commands, LoopFiles, npy } from '../support/kora-process.ts'
import { LOOPBACK, Started, until } from '../support/mesh-hosts.ts'

const client = clientKey(51)
const lodger = clientKey(52)
const stranger = clientKey(53)
const FIRST_FILL = 60

const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

/** A graph that KORA does by itself. */
const echo = (more: object = {}): Uint8Array =>
  text({
    schema_version: 1,
    graph_id: 'echo',
    inputs: { value: { kind: 'json' } },
    budgets: { max_model_calls: 0, max_tokens: 0, max_cost_micro: 0, max_latency_ms: 60_000 },
    tasks: [
      {
        id: 'same',
        type: 'deterministic',
        handler: 'value.echo',
        input: { value: { $input: 'value' } }
      }
    ],
    outputs: { value: { $task: 'same' } },
    ...more
  })

const submitWant = (
  request_id: string,
  graph: Uint8Array,
  inputs: Readonly<Record<string, Uint8Array>>
): Extract<ControlWant, { t: 'submit' }> => ({
  t: 'submit',
  request_id,
  graph: { inline: graph },
  inputs: Object.fromEntries(Object.entries(inputs).map(([name, inline]) => [name, { inline }])),
  use_cache: true
})

const echoWant = (request_id: string, value: unknown = 1, more: object = {}) =>
  submitWant(request_id, echo(more), { value: text(value) })

function refusalOf(frame: ControlFrame | null): string {
  return frame?.kind === 'answer' && frame.body.end.t === 'refused' ? frame.body.end.code : 'none'
}

function documentOf(frame: ControlFrame | null): Record<string, unknown> {
  ok(frame?.kind === 'answer' && frame.body.end.t === 'done', JSON.stringify(frame))
  const { document } = frame.body.end
  ok('inline' in document)
  return JSON.parse(new TextDecoder().decode(document.inline))
}

const sessionOf = (frame: ControlFrame | null): SessionId =>
  parseSessionId(String(documentOf(frame)['session']))

describe('a control node and its clients', function () {
  this.timeout(120_000)
  let started: Started
  let control: OpenControl
  let files: LoopFiles
  const said: string[] = []
  let fill = FIRST_FILL

  before(async () => {
    started = new Started()
    files = new LoopFiles(await started.folder())
    const data = files.path('control')
    await new Commands(started).json(...files.addWords(data))
    const options = { data, mesh: null, listen: [LOOPBACK], bootstrap: [], localNodes: 0 }
    control = await openControl(options, (line) => said.push(line))
    started.add(control, (one) => one.close())
    await control.serveClients([
      { client: client.peerId, tenant: 'guest', grantMicro: 1_000_000_000 },
      { client: lodger.peerId, tenant: 'lodger', grantMicro: 1_000_000_000 }
    ])
  })
  after(() => started.endAll())

  const connect = (): Promise<HandClient> => handClient(started, control.node, fill++)

  /** A session that waits for a node that never comes. */
  const waiting = (request_id: string): Extract<ControlWant, { t: 'submit' }> =>
    submitWant(request_id, readFileSync(files.path('loops.json')), {
      turns: npy('<i8', [5]),
      x: npy('<f4', [1])
    })

  async function sessions(): Promise<number> {
    return (await control.node.status()).sessions.length
  }

  /** Still takes questions of others. */
  async function serves(): Promise<void> {
    const other = await connect()
    equal(
      documentOf(await other.asked(other.sealed({ t: 'status' }, client)))['mesh'],
      control.node.mesh
    )
    await other.leave()
  }

  it('refuses a stranger before it does anything, and closes the link', async () => {
    const one = await connect()
    const before = await sessions()
    const answer = await one.asked(one.sealed(echoWant('stranger'), stranger))
    equal(refusalOf(answer), 'admission.client_refused')
    await until(() => one.isClosed, 'the end of the link')
    equal(await sessions(), before)
    ok(
      said.some(
        (line) => line.includes('admission.client_refused') && line.includes(stranger.peerId)
      )
    )
    await one.leave()
  })

  it('takes a question that was signed for another link from nobody', async () => {
    const [victim, thief] = [await connect(), await connect()]
    const taken = victim.sealed(echoWant('taken'), client)
    const before = await sessions()
    equal(await thief.asked(taken), null)
    equal(await sessions(), before)
    const elsewhere = victim.sealed({ t: 'status' }, client, { control: stranger.peerId })
    equal(await victim.asked(elsewhere), null)
    for (const one of [victim, thief]) await one.leave()
    await serves()
  })

  for (const [what, spoil] of Object.entries({
    'bytes that are no frame': () => new Uint8Array([1, 2, 3]),
    'a changed signature': (raw: Uint8Array) => raw.fill(7, raw.length - 10),
    'an unknown kind': (raw: Uint8Array) => raw.fill(9, 0, 1)
  })) {
    it(`closes the link on ${what}, and serves others`, async () => {
      const one = await connect()
      equal(await one.asked(spoil(one.sealed({ t: 'status' }, client))), null)
      await one.leave()
      await serves()
    })
  }

  it('runs a submission once, however often it arrives', async () => {
    const [one, two] = [await connect(), await connect()]
    const raw = one.sealed(echoWant('once'), client)
    const session = sessionOf(await one.asked(raw))
    equal(sessionOf(await one.asked(raw)), session)
    equal(sessionOf(await two.asked(two.sealed(echoWant('once'), client))), session)
    const first = documentOf(await one.asked(one.sealed({ t: 'result', session }, client)))
    const again = documentOf(await two.asked(two.sealed({ t: 'result', session }, client)))
    deepEqual(first, again)
    equal(sessionOf(await two.asked(two.sealed(echoWant('once'), client))), session)
    const rows = (await control.node.status()).sessions.filter((row) => row.session === session)
    equal(rows.length, 1)
    for (const each of [one, two]) await each.leave()
  })

  it('gives one tenant nothing of another, also where it names the same trace', async () => {
    const one = await connect()
    const traced = echoWant('trace', 1, {
      tasks: [
        {
          id: 'same',
          type: 'deterministic',
          handler: 'value.echo',
          input: { value: { $input: 'value' } },
          metadata: { trace_id: 'guessed' }
        }
      ]
    })
    const session = sessionOf(await one.asked(one.sealed(traced, client)))
    const want = { session } as const
    for (const t of ['result', 'follow', 'cancel', 'replay', 'bill'] as const) {
      equal(refusalOf(await one.asked(one.sealed({ t, ...want }, lodger))), 'session.unknown', t)
    }
    equal(refusalOf(await one.asked(one.sealed(traced, lodger))), 'admission.tenant_mismatch')
    const theirs = documentOf(await one.asked(one.sealed({ t: 'status' }, lodger)))
    deepEqual(theirs['sessions'], [])
    await one.leave()
  })

  it('refuses parts that are not there, not what they say, or too large, and reads none of it', async () => {
    const one = await connect()
    const cid = cidOfBytes(text('nowhere'))
    const want = echoWant('parts')
    const lost = { ...want, graph: { cid, bytes: 10 } }
    equal(refusalOf(await one.asked(one.sealed(lost, client))), 'blob.not_found')
    const large = { ...want, graph: { cid, bytes: GRAPH_BYTES_MAX + 1 } }
    equal(refusalOf(await one.asked(one.sealed(large, client))), 'contracts.too_large')
    const inputs = Object.fromEntries(
      ['a', 'b', 'c'].map((name) => [name, { cid, bytes: 100 * 1024 * 1024 }])
    )
    equal(
      refusalOf(await one.asked(one.sealed({ ...want, inputs }, client))),
      'contracts.too_large'
    )
    const wrong = submitWant('no-graph', text('x'), {})
    match(refusalOf(await one.asked(one.sealed(wrong, client))), /^graph\./)
    const unknown = submitWant('unknown', echo(), { value: text(1), other: text(2) })
    equal(refusalOf(await one.asked(one.sealed(unknown, client))), 'input.unknown')
    await one.leave()
  })

  it('bounds the open questions of a link, and answers again when some have ended', async () => {
    const one = await connect()
    const session = sessionOf(await one.asked(one.sealed(waiting('asks'), client)))
    for (let count = 0; count < CONTROL_ASKS_PER_LINK_MAX; count++)
      one.send(one.sealed({ t: 'result', session }, client))
    equal(refusalOf(await one.asked(one.sealed({ t: 'status' }, client))), 'control.busy')
    await serves()
    await control.node.cancel(session)
    await until(
      () =>
        one.heard.filter(({ kind }) => kind === 'answer').length >= CONTROL_ASKS_PER_LINK_MAX + 2,
      'all answers'
    )
    ok(documentOf(await one.asked(one.sealed({ t: 'status' }, client))))
    await one.leave()
  })

  it('lets a session run on whose client went away', async () => {
    const one = await connect()
    const session = sessionOf(await one.asked(one.sealed(waiting('left'), client)))
    one.send(one.sealed({ t: 'follow', session }, client))
    await until(() => one.heard.some(({ kind }) => kind === 'progress'), 'progress')
    await one.leave()
    const two = await connect()
    const { sessions: rows } = documentOf(await two.asked(two.sealed({ t: 'status' }, client)))
    ok(
      Array.isArray(rows) && rows.some((row) => row.session === session && row.status === 'running')
    )
    await two.asked(two.sealed({ t: 'cancel', session }, client))
    await two.leave()
  })

  it('bounds the sessions of a tenant, and no other tenant feels it', async () => {
    const one = await connect()
    const open: SessionId[] = []
    for (let count = 0; count < CONTROL_SESSIONS_PER_TENANT_MAX; count++)
      open.push(sessionOf(await one.asked(one.sealed(waiting(`many-${count}`), client))))
    const more = await one.asked(one.sealed(waiting('one-more'), client))
    equal(refusalOf(more), 'admission.too_many_sessions')
    ok(sessionOf(await one.asked(one.sealed(echoWant('lodging'), lodger))))
    await Promise.all(open.map((session) => control.node.cancel(session)))
    await one.leave()
  })
})
