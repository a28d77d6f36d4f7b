import { setTimeout as sleep } from 'node:timers/promises'
import { type ScriptedRun, startScriptedUpstream } from '../test/support/scripted-provider.ts'
import { now, type Question, tokenAt } from './answer.ts'
import { lineWith, type Program, startProgram } from './process.ts'

/** Starts an upstream that speaks Anthropic's wire, in a process of its own. A prompt is a {@link Question} as JSON. */
export async function startUpstream(): Promise<Program & { url: string }> {
  const program = startProgram(process.execPath, [import.meta.filename], {})
  return { ...program, url: await lineWith(program, /(.+)/) }
}

async function answer(run: ScriptedRun): Promise<void> {
  const arrived = now()
  const { tokens, pace } = JSON.parse(run.prompt) as Question
  for (let number = 1; number <= tokens; number += 1) {
    // By the clock, not by the sum of waits: a late timer must not slow the whole answer down.
    const wait = arrived + number * pace - now()
    if (wait > 0) await sleep(wait)
    await run.text(tokenAt(number, arrived))
  }
  await run.finish('end_turn', { output_tokens: tokens })
}

if (import.meta.main) {
  const upstream = await startScriptedUpstream()
  console.log(upstream.url)
  for (;;) void answer(await upstream.request())
}
