import { afterAll, beforeAll } from 'vitest'
import { startApp, type TestApp, type TestAppOptions } from './app.ts'
import type { Place } from './databases.ts'
import { eventually } from './eventually.ts'
import {
  type AutomaticAnswer,
  type ScriptedRun,
  type ScriptedUpstream,
  startScriptedUpstream,
} from './scripted-provider.ts'

/** What a group of tests talks to. Each test makes conversations of its own, which keeps the tests apart. */
export type SharedServer = {
  readonly app: TestApp
  readonly upstream: ScriptedUpstream
  /** The oldest call of the model that answers `prompt` and that nobody has been given; waits for it. */
  run(prompt: string): Promise<ScriptedRun>
}

export type SharedServerOptions = Pick<TestAppOptions, 'settings'> & {
  /** How the upstream answers by itself; without, tests write the answers. */
  readonly automatic?: AutomaticAnswer
}

/** One server for all tests of the group around it: starting one takes longer than most tests do. */
export function shareServer(
  create: () => Promise<Place>,
  { settings = {}, automatic }: SharedServerOptions = {},
): SharedServer {
  const resources = new AsyncDisposableStack()
  const calls = new Calls()
  let shared: { app: TestApp; upstream: ScriptedUpstream } | null = null
  beforeAll(async () => {
    const place = resources.use(await create())
    const upstream = resources.use(await startScriptedUpstream(automatic ? { automatic } : {}))
    void calls.gather(upstream)
    const app = resources.use(await startApp({ place, upstream, settings }))
    await eventually(() => expectListing(app))
    shared = { app, upstream }
  })
  afterAll(() => resources.disposeAsync())
  const started = () => {
    if (!shared) throw new Error('The shared server has not started')
    return shared
  }
  return {
    get app() {
      return started().app
    },
    get upstream() {
      return started().upstream
    },
    run: (prompt) => calls.take((call) => call.prompt === prompt),
  }
}

/** What a model takes is known once its provider has listed it; a figure that the listing alone has tells. */
async function expectListing(app: TestApp): Promise<void> {
  const { models } = await app.run<Models>('{ models { nodes { name contextWindow } } }')
  const arrived = models.nodes.some(({ contextWindow }) => contextWindow !== null)
  if (!arrived) throw new Error('The models have not been listed yet')
}

type Models = { models: { nodes: { name: string; contextWindow: number | null }[] } }

/** Calls of the model, handed out to whom they are for. */
class Calls {
  readonly #unclaimed: ScriptedRun[] = []
  #arrived = Promise.withResolvers<void>()

  /** Takes every call from the upstream, for ever. */
  async gather(upstream: ScriptedUpstream): Promise<never> {
    for (;;) {
      this.#unclaimed.push(await upstream.request())
      this.#arrived.resolve()
      this.#arrived = Promise.withResolvers()
    }
  }

  async take(isMine: (call: ScriptedRun) => boolean): Promise<ScriptedRun> {
    for (;;) {
      const at = this.#unclaimed.findIndex(isMine)
      const [call] = at < 0 ? [] : this.#unclaimed.splice(at, 1)
      if (call) return call
      await this.#arrived.promise
    }
  }
}
