/**
 * A control node over HTTP on loopback: submit graphs, follow them (server-sent events), ask what
 * happened. JSON in and out. Every request needs the token of `control.json`; bodies are bounded; a
 * fault is answered with its code and what to do next. Serves no page and no other host.
 */
import { timingSafeEqual } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { stream, streamSSE } from 'hono/streaming'
import { z } from 'zod'
import {
  exitOf,
  GRAPH_BYTES_MAX,
  INPUT_BYTES_MAX,
  MeshError,
  NAME_CHARS_MAX,
  parseSessionId,
  readShape,
  reportFailure,
  type SessionId
} from '#contracts'
import type { ControlService } from './control-service.ts'

/** Base64 costs a third more than the bytes; the rest is names and braces. */
const BODY_BYTES_MAX = Math.ceil((GRAPH_BYTES_MAX + INPUT_BYTES_MAX) * 1.4)
const LOOPBACK = '127.0.0.1'
/** Proxies and clients give up on a stream that says nothing for half a minute. */
const KEEP_ALIVE_MS = 15_000

const SubmissionBody = z.strictObject({
  graph: z.base64(),
  inputs: z.record(z.string().min(1).max(128), z.base64()),
  use_cache: z.boolean().default(true),
  request_id: z.string().min(1).max(NAME_CHARS_MAX).optional()
})

export interface HttpServerOptions {
  readonly port: number
  readonly token: string
  readonly service: ControlService
  /** How long a stream of events may say nothing. */
  readonly keepAliveMs?: number
}

export interface HttpServer {
  readonly url: string
  close(): Promise<void>
}

/** Listens on loopback; throws `net.port_in_use` where the port is taken. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const server = createAdaptorServer({ fetch: routes(options).fetch, hostname: LOOPBACK })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('listening', resolve)
  server.once('error', (cause: NodeJS.ErrnoException) => {
    const used = cause.code === 'EADDRINUSE'
    reject(
      used
        ? new MeshError('net.port_in_use', { address: `${LOOPBACK}:${options.port}` }, { cause })
        : new MeshError('net.listen_failed', { reason: cause.message }, { cause })
    )
  })
  server.listen(options.port, LOOPBACK)
  await promise
  const address = server.address() as AddressInfo
  return {
    url: `http://${LOOPBACK}:${address.port}`,
    close: () =>
      new Promise((settle) => {
        server.close(() => settle())
        if ('closeAllConnections' in server) server.closeAllConnections()
      })
  }
}

function routes({ token, service, keepAliveMs = KEEP_ALIVE_MS }: HttpServerOptions): Hono {
  const app = new Hono()
  app.use('*', async (context, next) => {
    if (!sameToken(context.req.header('authorization') ?? '', `Bearer ${token}`)) {
      return refuse(context, new MeshError('control.unauthorised'))
    }
    return next()
  })
  app.onError((error, context) => refuse(context, error))
  app.notFound((context) =>
    refuse(context, new MeshError('control.no_such_route', { path: context.req.path }))
  )
  app.get('/v1/status', async (context) => context.json(await service.status()))
  app.post('/v1/sessions', bodyLimit({ maxSize: BODY_BYTES_MAX }), async (context) => {
    const body = readShape(SubmissionBody, await jsonBody(context), 'control.request_malformed')
    const session = await service.submit({
      graph: fromBase64(body.graph),
      inputs: Object.fromEntries(
        Object.entries(body.inputs).map(([name, text]) => [name, fromBase64(text)])
      ),
      useCache: body.use_cache,
      ...(body.request_id === undefined ? {} : { requestId: body.request_id })
    })
    return context.json({ session }, 202)
  })
  app.get('/v1/sessions/:session', async (context) =>
    context.json(await service.result(parseSessionId(context.req.param('session'))))
  )
  app.delete('/v1/sessions/:session', async (context) => {
    await service.cancel(parseSessionId(context.req.param('session')))
    return context.json({ cancelled: true })
  })
  app.post('/v1/sessions/:session/replay', async (context) =>
    context.json(await service.replay(parseSessionId(context.req.param('session'))))
  )
  app.get('/v1/sessions/:session/events', (context) =>
    follow(context, parseSessionId(context.req.param('session')), { service, keepAliveMs })
  )
  app.get('/v1/units/:unit', async (context) =>
    context.json(await service.explain(context.req.param('unit')))
  )
  ledgerRoutes(app, service)
  return app
}

function ledgerRoutes(app: Hono, service: ControlService): void {
  app.get('/v1/ledger/verify', async (context) => context.json(await service.verifyLedger()))
  app.get('/v1/ledger/balances', async (context) => context.json(await service.balances()))
  app.get('/v1/ledger/bill', async (context) => {
    const session = context.req.query('session')
    return context.json(await service.bill(session === undefined ? null : parseSessionId(session)))
  })
  app.get('/v1/ledger/export', (context) =>
    stream(context, async (out) => {
      for await (const line of service.exportLedger()) await out.write(`${line}\n`)
    })
  )
}

/**
 * Progress as it comes, then `ended`, at once where nothing of the session runs here; a client that
 * goes away ends its own stream only.
 */
function follow(
  context: Context,
  session: SessionId,
  { service, keepAliveMs }: { readonly service: ControlService; readonly keepAliveMs: number }
): Response {
  return streamSSE(context, async (stream) => {
    const gone = new AbortController()
    stream.onAbort(() => gone.abort())
    const alive = setInterval(() => void stream.write(': still here\n\n'), keepAliveMs)
    try {
      for await (const progress of service.follow(session, gone.signal)) {
        await stream.writeSSE({ event: 'progress', data: JSON.stringify(progress) })
      }
      await stream.writeSSE({ event: 'ended', data: JSON.stringify({ session }) })
    } finally {
      clearInterval(alive)
    }
  })
}

async function jsonBody(context: Context): Promise<unknown> {
  try {
    return await context.req.json()
  } catch (cause) {
    throw new MeshError('control.request_malformed', { reason: 'the body is not JSON' }, { cause })
  }
}

const STATUS_OF_EXIT = {
  bad_input: 400,
  usage: 400,
  refused: 402,
  failed: 409,
  unavailable: 503
} as const
const isKnownExit = (exit: string): exit is keyof typeof STATUS_OF_EXIT =>
  Object.hasOwn(STATUS_OF_EXIT, exit)

function refuse(context: Context, error: unknown): Response {
  const report = reportFailure(error)
  const exit = exitOf(error)
  if (report.code === 'control.unauthorised') return context.json({ error: report }, 401)
  if (report.code === 'control.no_such_route' || report.code === 'session.unknown') {
    return context.json({ error: report }, 404)
  }
  return context.json({ error: report }, isKnownExit(exit) ? STATUS_OF_EXIT[exit] : 500)
}

function sameToken(given: string, right: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
