import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { routePath } from 'hono/route'
import type { Gateway } from '../gateway/gateway.ts'
import type { Store } from '../store/store.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Recorder } from '../telemetry/recorder.ts'
import type { Clock } from '../time/clock.ts'
import type { Controller } from './controller.ts'
import { makeEvents } from './events.ts'
import { makeHealth } from './health.ts'
import { makeMutations } from './mutations.ts'
import { Problem, problemOf, problemResponse } from './problem.ts'
import { makeReads } from './reads.ts'
import type { RememberedReads } from './remembered-reads.ts'

/** Requests carry no body worth speaking of. */
const MAX_BODY_BYTES = 16 * 1024

export interface ApiParts {
  readonly store: Store
  /** Of the same store. */
  readonly reads: RememberedReads
  readonly metrics: Pick<Metrics, 'print'>
  readonly recorder: Recorder
  readonly control: Controller
  /** Whether more is answered than how the process is. */
  readonly isApi: boolean
  /** Undefined where this process serves no streams. */
  readonly gateway: Pick<Gateway, 'standing'> | undefined
  readonly clock: Clock
  readonly log: Logger
  /** Aborted when the server closes: ends live event streams. */
  readonly closing: AbortSignal
}

function routeList(app: Hono): string[] {
  return app.routes
    .filter((route) => route.method !== 'ALL')
    .map((route) => `${route.method} ${route.path.replaceAll(/:(\w+)/g, (_, name) => `{${name}}`)}`)
}

function mountFailures(app: Hono, log: Logger): void {
  app.notFound((c) => {
    const routes = routeList(app)
    const detail = `nothing is served at ${c.req.path}; there is: ${routes.join(', ')}`
    return problemResponse(new Problem(404, detail, { extra: { routes } }))
  })
  app.onError((error, c) => {
    const problem = problemOf(error)
    if (problem !== undefined) {
      log.debug({ err: error, path: c.req.path, status: problem.status }, 'request refused')
      return problemResponse(problem)
    }
    log.error({ err: error, method: c.req.method, route: routePath(c) }, 'request failed')
    return problemResponse(new Problem(500, 'an unexpected error, see the log of the server'))
  })
}

/** Makes the HTTP application: health, the `/v1` reads, events, and the requests that the command line sends. */
export function makeApi(parts: ApiParts): Hono {
  const { log, clock } = parts
  const now = () => clock.now()
  const app = new Hono()
  app.use(async (c, next) => {
    const startedAt = clock.monotonic()
    await next()
    c.header('X-Content-Type-Options', 'nosniff')
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store')
    const { method, path } = c.req
    const ms = Math.round(clock.monotonic() - startedAt)
    log.debug({ method, path, status: c.res.status, ms }, 'request')
  })
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) =>
        problemResponse(
          new Problem(405, `${c.req.method} is not taken here; taken are: ${methods.join(', ')}`),
          { Allow: methods.join(', ') },
        ),
    }),
  )
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new Problem(413, `the body is above ${MAX_BODY_BYTES} bytes`)
      },
    }),
  )
  app.route('/', makeHealth(parts))
  if (parts.isApi) {
    app.route('/v1', makeReads({ ...parts, now }))
    app.route('/v1', makeMutations({ ...parts, now }))
    app.route('/v1', makeEvents(parts))
  }
  mountFailures(app, log)
  return app
}
