import { setImmediate } from 'node:timers/promises'
import { untilAvailable } from '../db/available.ts'
import type { GenerationId, ProcessId } from '../ids.ts'
import type { Limits } from '../limits/limits.ts'
import { type FinishReason, ProviderError, type TokenUsage } from '../llm/provider.ts'
import { type RetryOptions, type RunEvent, withRetries } from '../llm/retry.ts'
import { FencedError, type RunLog, type RunWriter } from '../streams/run-log.ts'
import type { Chat, Run, Runner } from './chat.ts'
import { claimRun, leaseOf, recordAttempt, recordUsage } from './claim.ts'
import { commit, type Unit } from './commit.ts'
import { type Ending, endGeneration } from './end-generation.ts'
import { readPrompt } from './prompt.ts'
import { findNext } from './queue.ts'
import { providerOf, RunRoom } from './run-room.ts'

export type RunnerOptions = {
  readonly chat: Omit<Chat, 'runner'>
  readonly runLog: RunLog
  readonly processId: ProcessId
  readonly retry: Pick<RetryOptions, 'retryBudget' | 'retryBase'>
  readonly limits: Pick<Limits, 'runs' | 'runsPerProvider'>
}

/** A run of this process, from its claim to its end. */
type ActiveRun = {
  readonly stop: AbortController
  done: Promise<void>
  /** Whether the run is this process's; before, it may still be in the queue. */
  isOwned: boolean
  usage: TokenUsage | null
  /** The write that keeps its usage. */
  recording: Promise<void> | null
}

/** Runs models. A run belongs to the server: no connection of a client starts, holds or ends it. */
export class GenerationRunner implements Runner {
  readonly #chat: Chat
  readonly #options: RunnerOptions
  readonly #room: RunRoom
  readonly #runs = new Map<GenerationId, ActiveRun>()
  readonly #drained = Promise.withResolvers<void>()
  #draining = false
  #closing = false
  /** Whether runs may be waiting for room to appear here. */
  #isAwaited = true
  #looksAgain = false
  #filling: Promise<void> | null = null

  constructor(options: RunnerOptions) {
    this.#chat = { ...options.chat, runner: this }
    this.#options = options
    this.#room = new RunRoom(options.limits)
  }

  /** The process that owns these runs. */
  get processId(): ProcessId {
    return this.#options.processId
  }

  /** The runs of this process. */
  get active(): GenerationId[] {
    return [...this.#runs.keys()]
  }

  /** The runs that are this process's as far as it knows. */
  get owned(): GenerationId[] {
    return this.active.filter((id) => this.#runs.get(id)?.isOwned)
  }

  reserve(id: GenerationId, model: string): ProcessId | null {
    return !this.#draining && this.#room.take(id, model) ? this.processId : null
  }

  release(id: GenerationId): void {
    this.#giveBack(id)
    if (this.#isAwaited) this.fill()
  }

  start(run: Run): void {
    this.#track(run.id, (signal) => this.#run(run, signal))
  }

  /**
   * Takes from the queue what there is room for, in its order. Returns at once. Call it when something may have
   * been queued; when room appears here, it happens by itself.
   */
  fill(): void {
    if (this.#draining) return
    this.#looksAgain = true
    this.#filling ??= this.#fill()
  }

  async #fill(): Promise<void> {
    try {
      while (this.#looksAgain && !this.#draining) {
        this.#looksAgain = false
        // Room that appears while the queue is being read asks for another look.
        this.#isAwaited = true
        this.#isAwaited = await this.#takeNext()
      }
    } catch (error) {
      this.#chat.log.error({ err: error }, 'the queue could not be read')
    }
    // In the very turn of the last look: whoever asks for one later begins it.
    this.#filling = null
  }

  /** Takes the runs that are next. Returns whether more may be waiting. */
  async #takeNext(): Promise<boolean> {
    const { fullProviders, free: count, runs: except } = this.#room
    if (count === 0) return true
    const next = await findNext(this.#chat.db, { fullProviders, except, count })
    for (const { id, model } of next) if (this.reserve(id, model)) this.#claim(id)
    // Those may have filled up one provider, and others wait behind them.
    this.#looksAgain ||= next.length > 0
    return next.length > 0 || fullProviders.length > 0
  }

  /** Runs a generation of the queue, unless another process takes it first. */
  #claim(id: GenerationId): void {
    this.#track(id, async (signal) => {
      const run = await claimRun(this.#chat, this.processId, id)
      if (run) await this.#run(run, signal)
    })
  }

  #track(id: GenerationId, work: (signal: AbortSignal) => Promise<void>): void {
    if (this.#closing) return this.release(id)
    const stop = new AbortController()
    const run: ActiveRun = { stop, done: Promise.resolve(), isOwned: false, usage: null, recording: null }
    this.#runs.set(id, run)
    run.done = this.#finish(id, work(stop.signal))
  }

  async #finish(id: GenerationId, work: Promise<void>): Promise<void> {
    try {
      await work
      this.#runs.delete(id)
      this.release(id)
    } catch (error) {
      this.#chat.log.error({ err: error, generationId: id }, 'run failed')
      this.#runs.delete(id)
      // Without a look at the queue: a run that can't be taken would be the next one again, at once.
      this.#giveBack(id)
    }
  }

  #giveBack(id: GenerationId): void {
    this.#room.giveBack(id)
    if (this.#draining && this.#room.isEmpty) this.#drained.resolve()
  }

  stop(id: GenerationId): void {
    this.#runs.get(id)?.stop.abort(new FencedError('Cannot go on: the run was ended'))
  }

  usage(id: GenerationId): TokenUsage | null {
    return this.#runs.get(id)?.usage ?? null
  }

  /** Takes no further runs; new ones are queued for others. Resolves when its own have come to their ends. */
  drain(): Promise<void> {
    this.#draining = true
    if (this.#room.isEmpty) this.#drained.resolve()
    return this.#drained.promise
  }

  get isDraining(): boolean {
    return this.#draining
  }

  /**
   * Takes no further runs and stops its own where they are, with what they have said committed, if the database is
   * there.
   */
  async close(): Promise<void> {
    this.#draining = true
    this.#closing = true
    this.#options.runLog.close()
    for (const id of this.#runs.keys()) this.stop(id)
    await Promise.all([this.#filling, ...[...this.#runs.values()].map((run) => run.done)])
  }

  async #run(run: Run, signal: AbortSignal): Promise<void> {
    const { contents, wakeUps } = this.#chat.streams
    const content = contents.own(run.id, run.message_id)
    const writer = this.#options.runLog.open(leaseOf(run), content)
    this.#runs.get(run.id)!.isOwned = true
    try {
      const ending = await this.#write(run, writer, signal)
      if (ending) await this.#end(run, ending, signal)
    } finally {
      contents.disown(run.id)
      // Whoever has taken the run may have written more of it, which readers of our content have not seen.
      wakeUps.wakeHere([`run:${run.id}`])
      await this.#runs.get(run.id)?.recording
    }
  }

  /** An end that was committed and not confirmed is not committed again. */
  async #end(run: Run, ending: Ending, signal: AbortSignal): Promise<void> {
    const end = (unit: Unit) => endGeneration(unit, run.id, ending, run.epoch)
    await untilAvailable(() => commit(this.#chat, end), signal)
  }

  /** Writes the model's answer to the log and says how it ended; null: somebody else ended it or will. */
  async #write(run: Run, writer: RunWriter, signal: AbortSignal): Promise<Ending | null> {
    let ending: Ending | null
    try {
      const reason = await this.#stream(run, writer, signal)
      ending = { type: 'completed', reason, usage: this.usage(run.id) }
    } catch (error) {
      ending = this.#endingAfter(run, error, signal)
    }
    try {
      await writer.settled()
    } catch (error) {
      return this.#endingAfter(run, error, signal)
    }
    return ending
  }

  async #stream(run: Run, writer: RunWriter, signal: AbortSignal): Promise<FinishReason> {
    const { models, db } = this.#chat
    const name = providerOf(run.model)
    // It may have been queued while the server was set up with another one.
    if (!models.providers().includes(name)) {
      throw new ProviderError('MODEL_UNAVAILABLE', `No provider serves ${run.model} any more`)
    }
    const provider = models.providerOf({ provider: name })
    const prompt = await untilAvailable(() => readPrompt(db, run), signal)
    const parts = new PartCounter()
    let reason: FinishReason | null = null
    // Nobody will ever read what the model still says after the log has refused this run.
    const wanted = AbortSignal.any([signal, writer.failure])
    for await (const event of withRetries(provider, prompt, { ...this.#options.retry, signal: wanted })) {
      if (event.type === 'text' || event.type === 'reasoning') {
        await writer.append(parts.of(event), event.type === 'text' ? 'TEXT' : 'REASONING', event.text)
        this.#recordUsage(run)
      } else if (event.type === 'finish') reason = event.reason
      else await this.#note(run, event, signal)
    }
    if (!reason) throw new ProviderError('PROVIDER_BAD_RESPONSE', 'The provider’s answer had no end')
    return reason
  }

  async #note(run: Run, event: RunEvent, signal: AbortSignal): Promise<void> {
    const active = this.#runs.get(run.id)
    if (event.type === 'usage' && active) active.usage = event.usage
    if (event.type !== 'attempt') return
    const used = this.usage(run.id)
    if (active) active.usage = null
    await untilAvailable(() => recordAttempt(this.#chat, run, event.attempt, used), signal)
  }

  /** Once, and beside the run: nothing waits for it, the first text least of all. */
  #recordUsage(run: Run): void {
    const active = this.#runs.get(run.id)
    if (!active?.usage || active.recording) return
    const { usage } = active
    active.recording = setImmediate()
      .then(() => recordUsage(this.#chat.db, run, usage))
      .catch((error: unknown) =>
        this.#chat.log.warn({ err: error, generationId: run.id }, 'the usage of a run could not be kept'),
      )
  }

  #endingAfter(run: Run, error: unknown, signal: AbortSignal): Ending | null {
    if (error instanceof FencedError || signal.aborted) return null
    const usage = this.usage(run.id)
    if (error instanceof ProviderError) return { type: 'failed', error, usage }
    this.#chat.log.error({ err: error, generationId: run.id }, 'run failed')
    const failure = new ProviderError(
      'INTERNAL',
      'Something went wrong in the server while writing this answer',
    )
    return { type: 'failed', error: failure, usage }
  }
}

/** Numbers a message's parts in the order in which they are first written to; empty blocks get no part. */
class PartCounter {
  #part = -1
  #block = -1
  #type = ''

  of({ type, block }: { type: 'text' | 'reasoning'; block: number }): number {
    if (block !== this.#block || type !== this.#type) this.#part += 1
    this.#block = block
    this.#type = type
    return this.#part
  }
}
