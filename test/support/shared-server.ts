import { afterAll, beforeAll } from 'vitest'
import { startApp, type TestApp, type TestAppOptions } from './app.ts'
import type { Place } from './databases.ts'
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
  /** The call of the model that answers `prompt`; waits for it. Not for use by several callers at once. */
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
  let shared: { app: TestApp; upstream: ScriptedUpstream } | null = null
  beforeAll(async () => {
    const place = resources.use(await create())
    const upstream = resources.use(await startScriptedUpstream(automatic ? { automatic } : {}))
    shared = { upstream, app: resources.use(await startApp({ place, upstream, settings })) }
  })
  afterAll(() => resources.disposeAsync())
  const started = () => {
    if (!shared) throw new Error('The shared server has not started')
    return shared
  }
  const unclaimed: ScriptedRun[] = []
  return {
    get app() {
      return started().app
    },
    get upstream() {
      return started().upstream
    },
    async run(prompt) {
      for (;;) {
        const at = unclaimed.findIndex((run) => run.prompt === prompt)
        const [run] = at < 0 ? [] : unclaimed.splice(at, 1)
        if (run) return run
        unclaimed.push(await started().upstream.request())
      }
    },
  }
}
