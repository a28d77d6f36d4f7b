import { setTimeout as sleep } from 'node:timers/promises'
import type { Viewer } from './auth/viewer.ts'
import type { Chat } from './chat/chat.ts'
import { Heartbeat } from './chat/heartbeat.ts'
import { dropExpired } from './chat/housekeeping.ts'
import { findLost, retire, type Sweeper, sweep } from './chat/processes.ts'
import { GenerationRunner } from './chat/run-generation.ts'
import { ensureLocalViewer } from './chat/viewers.ts'
import { type Config, requireTokenBeyondLoopback } from './config.ts'
import { unbounded } from './db/bounded.ts'
import { type Database, type Db, openDatabase } from './db/connect.ts'
import { migrate } from './db/migrate.ts'
import { SharedReads } from './db/shared-reads.ts'
import { type About, createContext } from './graphql/context.ts'
import { schema } from './graphql/schema.ts'
import { createPageSource } from './http/page.ts'
import { createHttpServer, type HttpServer } from './http/server.ts'
import { newId, type ProcessId } from './ids.ts'
import { createDemo } from './llm/demo.ts'
import { createModels, type Models } from './llm/models.ts'
import type { ChatProvider } from './llm/provider.ts'
import { createLog, type Logger } from './log.ts'
import { once } from './once.ts'
import { configuredProviders } from './providers.ts'
import { repeat } from './repeat.ts'
import { Bus, type Connect, overBuses } from './streams/bus.ts'
import { Contents } from './streams/contents.ts'
import { connectNotify } from './streams/notify-line.ts'
import { createPoll } from './streams/poll.ts'
import type { Streams } from './streams/reader.ts'
import { RunLog } from './streams/run-log.ts'
import { createWakeUps, type WakeUps } from './streams/wake-ups.ts'
import { version } from './version.ts'

/** A running server. */
export type App = {
  /** Where it is, with a slash at the end. */
  readonly url: string
  readonly port: number
  readonly db: Db
  /** Resolves when the server can't go on: its embedded database has broken down. */
  readonly failed: Promise<Error>
  /** How many answers this process is writing. */
  readonly runs: () => number
  /**
   * Takes no more runs, which are queued for other processes, and is not ready any more, while readers are served on.
   * Resolves when its own runs have ended, or when `signal` aborts.
   */
  drain(signal: AbortSignal): Promise<void>
  /** Stops: readers are told to come back, runs stop where they are, and what they have said is safe on disk. */
  close(): Promise<void>
}

/** Parts that a test puts in the place of what {@link createApp} would make. */
export type Overrides = {
  readonly log?: Logger
  readonly providers?: readonly ChatProvider[]
  readonly openDatabase?: typeof openDatabase
}

/** Starts a server: opens and migrates its database, takes over what a dead process left, and listens. */
export async function createApp(config: Config, overrides: Overrides = {}): Promise<App> {
  requireTokenBeyondLoopback(config)
  const log = overrides.log ?? createLog(config.logLevel)
  // Gives back what was had so far when the start fails, and in that order at the stop.
  await using started = new AsyncDisposableStack()
  // Loaded while the database opens.
  const [database, models] = await Promise.all([
    open(config, overrides, log, started),
    createProviders(config, overrides, log),
  ])
  await migrate(database.db)
  const { runner, ...address } = await serve(config, log, database, models, started)
  const running = started.move()
  return {
    ...address,
    db: database.db,
    failed: database.failed,
    runs: () => runner.active.length,
    drain: (signal) => drain(runner, signal),
    close: once(() => running.disposeAsync()),
  }
}

async function open(
  config: Config,
  { openDatabase: opened = openDatabase }: Overrides,
  log: Logger,
  started: AsyncDisposableStack,
): Promise<Database> {
  const { vacuum, statement } = config.timers
  const database = await opened({ ...config, log, vacuumInterval: vacuum, statementTimeout: statement })
  started.defer(database.close)
  return database
}

async function serve(
  config: Config,
  log: Logger,
  { db, kind }: Database,
  models: Models,
  started: AsyncDisposableStack,
): Promise<{ url: string; port: number; runner: GenerationRunner }> {
  const incarnation = await readIncarnation(db)
  const contents = new Contents(db)
  const [wakeUps, viewer] = await Promise.all([
    startWakeUps(config, log, incarnation, contents, started),
    ensureLocalViewer(db),
  ])
  const streams = { db, reads: new SharedReads(), contents, wakeUps, incarnation }
  const { chat, runner } = createChat(config, log, models, streams)
  const heartbeat = new Heartbeat(db, runner.processId, config.timers)
  const beaten = heartbeat.beat()
  // Meanwhile: it takes about as long.
  const server = createServer(config, log, chat, runner, viewer)
  await beaten
  started.defer(() => chat.models.close())
  started.defer(() => leave(config, chat, runner, heartbeat))
  // Nobody else can hold the embedded database: whoever ran something on it is gone.
  if (kind === 'embedded') await sweep(chat, sweeper(config, runner, heartbeat), { alone: true })
  const address = await server.listen()
  started.defer(() => runner.close())
  started.defer(server.close)
  chat.models.start()
  // Only now: a start that fails must not take runs that it will never end, nor ask a model for them.
  started.defer(startLoops(config, chat, runner, heartbeat))
  return { ...address, runner }
}

function createServer(
  config: Config,
  log: Logger,
  chat: Chat,
  runner: GenerationRunner,
  viewer: Viewer,
): HttpServer {
  return createHttpServer({
    ...config,
    viewer,
    schema,
    log,
    createContext: (operation) => createContext(chat, aboutOf(config), operation),
    ready: async () => !runner.isDraining && isReady(chat.db, config.timers.ready),
    page: createPageSource(),
  })
}

/** Milliseconds in which readers are shown the end of the last answer, before they are told to come back. */
const farewell = 200

async function drain(runner: GenerationRunner, signal: AbortSignal): Promise<void> {
  const hasRuns = runner.active.length > 0
  await Promise.race([runner.drain(), aborted(signal)])
  if (hasRuns) await sleep(farewell, undefined, { signal }).catch(() => {})
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/**
 * Nobody has to wait until this process counts as dead: what it leaves behind is settled now, by itself. While the
 * database is away that is left to whoever is there when it is back.
 */
async function leave(
  config: Config,
  chat: Chat,
  runner: GenerationRunner,
  heartbeat: Heartbeat,
): Promise<void> {
  if (!(await isReady(chat.db, config.timers.ready))) return
  await sweep(chat, { ...sweeper(config, runner, heartbeat), lostAfter: 0 })
  await retire(chat.db, runner.processId)
}

/**
 * Within this process, and between those on one Postgres: over Redis where there is one, else, and while that does
 * not answer, over the Postgres itself. The embedded one belongs to one process.
 */
async function startWakeUps(
  { databaseUrl, redisUrl }: Config,
  log: Logger,
  incarnation: string,
  contents: Contents,
  started: AsyncDisposableStack,
): Promise<WakeUps> {
  if (databaseUrl === null) {
    if (redisUrl !== null)
      log.warn('REDIS_URL: Redis is not used, the embedded database has one process only')
    return createWakeUps()
  }
  const buses: Bus[] = []
  const local = createWakeUps({
    watch: (topic) => buses.forEach((bus) => bus.watch(topic)),
    unwatch: (topic) => buses.forEach((bus) => bus.unwatch(topic)),
  })
  if (redisUrl !== null)
    buses.push(new Bus('Redis', await overRedis(redisUrl, incarnation), local, contents, log))
  buses.push(new Bus('NOTIFY', connectNotify(databaseUrl), local, contents, log))
  for (const bus of buses) {
    started.defer(() => bus.close())
    await bus.start()
  }
  return overBuses(local, buses)
}

/** Lines over a Redis, whose client is loaded only where there is one. */
export async function overRedis(url: string, incarnation: string): Promise<Connect> {
  const { connectRedis } = await import('./streams/redis-line.ts')
  return connectRedis(url, incarnation)
}

function createChat(
  config: Config,
  log: Logger,
  models: Models,
  streams: Streams,
): { chat: Chat; runner: GenerationRunner } {
  const { db, wakeUps } = streams
  const { limits, recovery } = config
  const base = { db, streams, models, limits, recovery, log }
  const runner = new GenerationRunner({
    chat: base,
    runLog: new RunLog({ db, wakeUps, log, flushInterval: config.timers.flush }),
    processId: newId<ProcessId>(),
    retry: config.timers,
    limits,
  })
  return { chat: { ...base, runner } satisfies Chat, runner }
}

async function createProviders(config: Config, overrides: Overrides, log: Logger): Promise<Models> {
  return createModels({
    providers: [
      ...(overrides.providers ?? (await configuredProviders(config))),
      createDemo({ tokensPerSecond: config.demoTokensPerSecond }),
    ],
    defaultModel: config.defaultModel,
    pauses: { failures: config.limits.providerFailures, pause: config.timers.providerPause },
    refreshInterval: config.timers.modelRefresh,
    log,
  })
}

function sweeper({ timers }: Config, runner: GenerationRunner, heartbeat: Heartbeat): Sweeper {
  return {
    processId: runner.processId,
    active: () => runner.active,
    lostAfter: timers.processExpiry,
    isSteady: () => heartbeat.isSteady(),
  }
}

/** What a server does by itself, beside serving. */
function startLoops(
  config: Config,
  chat: Chat,
  runner: GenerationRunner,
  heartbeat: Heartbeat,
): () => Promise<void> {
  const { timers } = config
  const stopping = new AbortController()
  const { signal } = stopping
  const { db, log, streams } = chat
  const loops = [
    watchQueue(streams.wakeUps, runner, signal),
    // Beside each other: a process that has much to take over must not fall silent over that.
    repeat('the heartbeat', timers.processHeartbeat, signal, log, () => heartbeat.beatInTime()),
    repeat('the sweep', timers.processHeartbeat, signal, log, async () => {
      for (const id of await findLost(db, runner.processId, runner.owned)) runner.stop(id)
      await sweep(chat, sweeper(config, runner, heartbeat))
      runner.fill()
    }),
    repeat('the poll', timers.poll, signal, log, createPoll(db, streams.wakeUps)),
    repeat('housekeeping', timers.housekeeping, signal, log, () => unbounded(() => dropExpired(db))),
  ]
  return async () => {
    stopping.abort()
    await Promise.all(loops)
  }
}

/** Looks at the queue at once, and whenever something was added to it. */
async function watchQueue(wakeUps: WakeUps, runner: GenerationRunner, signal: AbortSignal): Promise<void> {
  using listener = wakeUps.listen(['queue'])
  while (!signal.aborted) {
    listener.take()
    runner.fill()
    await listener.woken(signal)
  }
}

function aboutOf(config: Config): About {
  const features = [
    config.databaseUrl === null && 'embedded-database',
    config.accessToken !== null && 'access-token',
  ]
  return { version, features: features.filter((feature) => feature !== false) }
}

async function readIncarnation(db: Db): Promise<string> {
  return (await db.selectFrom('server').select('incarnation').executeTakeFirstOrThrow()).incarnation
}

/** A database that does not answer in time is as good as away, whatever the reason. */
async function isReady(db: Db, timeout: number): Promise<boolean> {
  const answered = db.selectFrom('server').select('id').execute()
  const tooLate = sleep(timeout, false, { ref: false })
  return Promise.race([
    answered.then(
      () => true,
      () => false,
    ),
    tooLate,
  ])
}
