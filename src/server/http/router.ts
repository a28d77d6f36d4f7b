import type { IncomingMessage, ServerResponse } from 'node:http'
import { RequestError } from '../errors.ts'
import type { RateWindow } from '../limits/rate-window.ts'
import { sendAsset } from './asset.ts'
import type { Caller, EdgeSettings } from './caller.ts'
import { graphiqlFolder, graphiqlPolicy, loadGraphiql } from './graphiql.ts'
import type { GraphQLRoute } from './graphql-route.ts'
import {
  corsHeaders,
  preflightHeaders,
  RefusedError,
  requirePreflighted,
  requireServedHost,
  requireServedOrigin,
} from './guard.ts'
import { favicon, missingPage, type PageSource, pagePolicy } from './page.ts'
import { sendJson } from './respond.ts'
import { endSession, startSession } from './session.ts'

export type RouterOptions = EdgeSettings & {
  readonly accessToken: string | null
  readonly failures: RateWindow
  readonly graphql: Pick<GraphQLRoute, 'handle'>
  readonly ready: () => Promise<boolean>
  readonly page: PageSource
}

/** Answers one request. Throws RequestError for what it refuses. */
export type Router = (request: IncomingMessage, response: ServerResponse) => Promise<void>

type Exchange = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly caller: Caller
  readonly url: URL
}

type Handler = (exchange: Exchange) => Promise<void> | void

/** Handlers by method. `api`: only for pages of ours and of allowed origins. */
type Route = { readonly api?: true; readonly methods: Readonly<Record<string, Handler>> }

const immutable = 'public, max-age=31536000, immutable'

export function createRouter(options: RouterOptions): Router {
  const routes = createRoutes(options)

  return async (request, response) => {
    const caller = requireServedHost(request, options)
    const url = URL.parse(request.url ?? '', 'http://localhost')
    if (!url) throw new RefusedError(400, 'BAD_USER_INPUT', 'The path is not one')
    const exchange = { request, response, caller, url }
    const route = routes(url.pathname)
    if (route.api) setHeaders(response, corsHeaders(request, caller, options))
    const allow = allowedMethods(route)
    if (request.method === 'OPTIONS') {
      setHeaders(response, { Allow: allow, ...(route.api && preflightHeaders) })
      response.writeHead(204).end()
      return
    }
    const handler = route.methods[request.method ?? ''] ?? (request.method === 'HEAD' && route.methods.GET)
    if (!handler || (route.api && request.method === 'HEAD')) {
      response.setHeader('Allow', allow)
      throw new RefusedError(405, 'BAD_USER_INPUT', `${request.method} is not taken here: ${allow} are`)
    }
    await handler(exchange)
  }
}

function createRoutes(options: RouterOptions): (path: string) => Route {
  const page: Route = { methods: { GET: (exchange) => sendPage(exchange, options.page) } }
  const health: Route = { methods: { GET: ({ response }) => sendJson(response, 200, { status: 'ok' }) } }
  const fixed = new Map<string, Route>([
    ['/', page],
    ['/index.html', page],
    ['/graphql', graphqlRoute(options)],
    ['/session', sessionRoute(options)],
    ['/health', health],
    ['/api/health', health],
    ['/ready', { methods: { GET: ({ response }) => sendReadiness(response, options.ready) } }],
  ])
  const file: Route = { methods: { GET: (exchange) => sendFile(exchange, options.page) } }
  return (path) => fixed.get(path) ?? (/^\/chat\/[^/]+$/.test(path) ? page : file)
}

function graphqlRoute(options: RouterOptions): Route {
  const run: Handler = ({ request, response, caller, url }) => {
    requireServedOrigin(request, caller, options)
    return options.graphql.handle(request, response, caller, url)
  }
  return {
    api: true,
    methods: {
      GET: (exchange) => (wantsHtml(exchange.request) ? sendGraphiql(exchange) : run(exchange)),
      POST: run,
    },
  }
}

function sessionRoute(options: RouterOptions): Route {
  return {
    api: true,
    methods: {
      POST({ request, response, caller }) {
        requireServedOrigin(request, caller, options)
        requirePreflighted(request)
        return startSession(request, response, caller, options)
      },
      DELETE({ request, response, caller }) {
        requireServedOrigin(request, caller, options)
        endSession(response, caller)
      },
    },
  }
}

async function sendReadiness(response: ServerResponse, ready: () => Promise<boolean>): Promise<void> {
  const isReady = await ready().catch(() => false)
  sendJson(response, isReady ? 200 : 503, { status: isReady ? 'ready' : 'unavailable' })
}

async function sendPage({ request, response }: Exchange, source: PageSource): Promise<void> {
  const page = await source()
  await sendAsset(request, response, page?.document ?? missingPage, {
    'Cache-Control': 'no-cache',
    'Content-Security-Policy': pagePolicy,
    'Cross-Origin-Opener-Policy': 'same-origin',
  })
}

async function sendGraphiql({ request, response }: Exchange): Promise<void> {
  const { document } = await loadGraphiql()
  await sendAsset(request, response, document, {
    'Cache-Control': 'no-cache',
    'Content-Security-Policy': graphiqlPolicy,
    'Cross-Origin-Opener-Policy': 'same-origin',
  })
}

async function sendFile({ request, response, url }: Exchange, source: PageSource): Promise<void> {
  const path = url.pathname
  const asset = path.startsWith(graphiqlFolder)
    ? (await loadGraphiql()).files.get(path)
    : ((await source())?.files.get(path) ?? favicon.get(path))
  if (!asset) throw new RequestError('NOT_FOUND', `There is nothing at ${path}`)
  const hashed = path.startsWith('/assets/') || path.startsWith(graphiqlFolder)
  await sendAsset(request, response, asset, { 'Cache-Control': hashed ? immutable : 'public, max-age=3600' })
}

function wantsHtml({ headers }: IncomingMessage): boolean {
  return headers.accept?.includes('text/html') ?? false
}

function allowedMethods({ api, methods }: Route): string {
  return [...Object.keys(methods), ...(methods.GET && !api ? ['HEAD'] : []), 'OPTIONS'].join(', ')
}

function setHeaders(response: ServerResponse, headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
}
