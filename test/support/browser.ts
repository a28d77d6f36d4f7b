import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core'
import { inject } from 'vitest'
import { type App, createApp } from '../../src/server/app.ts'
import { parseConfig } from '../../src/server/config.ts'
import { databases, type Place } from './databases.ts'
import { type ScriptedUpstream, startScriptedUpstream } from './scripted-provider.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** Starts the browser that test/support/browser-setup.ts found. */
export async function launchBrowser(): Promise<Browser> {
  const { executablePath, env } = inject('browser')
  return chromium.launch({
    executablePath,
    env: { ...process.env, ...env },
    // Tests run as root in containers, where there is neither a sandbox nor a graphics card.
    args: ['--no-sandbox', '--disable-gpu'],
  })
}

/**
 * A server with an upstream that waits for the test, and a browser that looks at it. On Postgres, where a new database
 * costs next to nothing: the page knows no difference.
 */
export type Scene = AsyncDisposable & {
  readonly app: App
  /** Between the browser and the server. */
  readonly network: TcpProxy
  /** Where the browser finds the page. */
  readonly url: string
  readonly upstream: ScriptedUpstream
  readonly context: BrowserContext
  /** Whatever must not happen in any tab: errors, breaches of the policy, requests to elsewhere. */
  readonly problems: readonly string[]
  /** Opens another tab, with the new conversation or the given path. */
  openTab(path?: string): Promise<Page>
  /** Makes conversations without messages, one after the other. */
  create(titles: readonly string[]): Promise<void>
  /** Says `count` things in a conversation that nobody answers: `Statement 1` and so on. */
  say(conversationId: string, count: number): Promise<void>
  /** Deletes a conversation. */
  remove(conversationId: string): Promise<void>
  /** Stops the answer at the end of a conversation and lets its model go on, as from another device. */
  stopAndContinue(conversationId: string): Promise<void>
}

type SceneOptions = {
  readonly browser: Browser
  /** Settings of the server. */
  readonly settings?: Readonly<Record<string, string>>
  readonly context?: BrowserContextOptions
  /** Puts something between the browser and the server, and says where that is. */
  readonly through?: (url: string) => Promise<string>
}

export async function openScene({
  browser,
  settings = {},
  context: options = {},
  through,
}: SceneOptions): Promise<Scene> {
  const place = await databases.find(({ name }) => name === 'Postgres')!.create()
  const upstream = await startScriptedUpstream()
  const app = await createApp(parseConfig({}, { ...defaults(upstream, place), ...settings }))
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    // What moves on and on is drawn by the processor here.
    reducedMotion: 'reduce',
    ...options,
  })
  const network = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(app.url).port) })
  const direct = `http://127.0.0.1:${network.port}/`
  const url = through ? await through(direct) : direct
  context.setDefaultTimeout(60_000)
  const problems = await watch(context, new URL(url).origin)
  return {
    app,
    network,
    url,
    upstream,
    context,
    problems,
    async openTab(path = '') {
      const page = await context.newPage()
      await page.goto(url + path)
      return page
    },
    async create(titles) {
      for (const title of titles) await post(app, createConversation, { title })
    },
    async say(conversationId, count) {
      for (let index = 1; index <= count; index++) {
        await post(app, sendMessage, { conversationId, text: `Statement ${index}` })
      }
    },
    remove: (conversationId) => post(app, deleteConversation, { conversationId }),
    async stopAndContinue(conversationId) {
      const { conversation } = await execute<Headed>(app, headQuery, { id: conversationId })
      const generationId = conversation.head.generation.id
      await post(app, cancelGeneration, { generationId })
      await post(app, continueGeneration, { generationId })
    },
    async [Symbol.asyncDispose]() {
      await context.close()
      await network[Symbol.asyncDispose]()
      await app.close()
      await upstream.close()
      await place[Symbol.asyncDispose]()
    },
  }
}

const createConversation =
  'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { userErrors { message } } }'
const sendMessage =
  'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { userErrors { message } } }'

const deleteConversation =
  'mutation ($input: DeleteConversationInput!) { deleteConversation(input: $input) { userErrors { message } } }'

const cancelGeneration =
  'mutation ($input: CancelGenerationInput!) { cancelGeneration(input: $input) { userErrors { message } } }'
const continueGeneration =
  'mutation ($input: ContinueGenerationInput!) { continueGeneration(input: $input) { userErrors { message } } }'

const headQuery = 'query ($id: ID!) { conversation(id: $id) { head { generation { id } } } }'
type Headed = { readonly conversation: { readonly head: { readonly generation: { readonly id: string } } } }

const post = (app: App, query: string, input: object) => execute<void>(app, query, { input })

async function execute<Data>(app: App, query: string, variables: object): Promise<Data> {
  const response = await fetch(new URL('graphql', app.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = (await response.json()) as { data: Data; errors?: { message: string }[] }
  if (errors) throw new Error(errors.map(({ message }) => message).join('; '))
  return data
}

function defaults(upstream: ScriptedUpstream, { databaseUrl, dataDir }: Place): Record<string, string> {
  return {
    PORT: '0',
    LOG_LEVEL: 'error',
    DATABASE_URL: databaseUrl ?? '',
    PARLEY_DATA_DIR: dataDir,
    OLLAMA_BASE_URL: 'off',
    PARLEY_LIMIT_PROVIDER_FAILURES: '100000',
    ANTHROPIC_API_KEY: 'test',
    ANTHROPIC_BASE_URL: upstream.url,
  }
}

async function watch(context: BrowserContext, origin: string): Promise<string[]> {
  const problems: string[] = []
  await context.exposeFunction('reportViolation', (violation: string) => problems.push(violation))
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      const report = Reflect.get(window, 'reportViolation') as (violation: string) => void
      report(`policy: ${violatedDirective} ${blockedURI}`)
    })
  })
  await context.route(
    (url) => url.origin !== origin && url.protocol.startsWith('http'),
    (route) => {
      problems.push(`request: ${route.request().url()}`)
      return route.abort()
    },
  )
  context.on('weberror', (error) => problems.push(`error: ${error.error().message}`))
  context.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`)
  })
  return problems
}

/** What a person does and sees on the page. */
export function onPage(page: Page) {
  const log = page.getByRole('log')
  const field = page.getByRole('textbox', { name: 'Message', exact: true })
  return {
    log,
    field,
    sidebar: page.getByRole('navigation', { name: 'Conversations' }),
    answer: log.getByRole('article', { name: 'Answer' }).last(),
    question: log.getByRole('article', { name: 'You' }).last(),
    button: (name: string | RegExp) => page.getByRole('button', { name, exact: true }),
    async say(text: string): Promise<void> {
      await field.fill(text)
      await field.press('Enter')
    },
  }
}
