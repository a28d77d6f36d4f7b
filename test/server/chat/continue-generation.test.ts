import { describe, expect, test } from 'vitest'
import type { Asked, TestApp } from '../../support/app.ts'
import {
  ending,
  everyRow,
  failure,
  headOf,
  mutate,
  type Payload,
  read,
  succeed,
  unknownId,
} from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { Reading } from '../../support/reading.ts'
import type { ScriptedRun } from '../../support/scripted-provider.ts'
import { shareServer } from '../../support/shared-server.ts'

const goOn = 'Continue exactly where you stopped.'

describe.each(databases)('to continue an answer on $name', ({ create }) => {
  const server = shareServer(create)

  test('that reached the token limit adds a turn that says so, and the model is sent all of it in turn', async () => {
    const { app } = server
    const asked = await app.ask(await app.createConversation(), 'A story', {
      generate: { maxOutputTokens: 100, effort: 'LOW' },
    })
    const cut = await server.run('A story')
    await cut.reasoning('Hm')
    await cut.text('Once upon ')
    await cut.finish('max_tokens')
    await ending(app, asked.generationId)

    const continued = await continueIt(app, asked)
    const run = await server.run(goOn)
    expect(messagesOf(run)).toEqual([
      ['user', 'A story'],
      ['assistant', 'Once upon '],
      ['user', goOn],
    ])
    expect(run.body).toMatchObject({ max_tokens: 100, model: cut.body['model'] })
    await run.text('a time.')
    await run.finish()
    expect(await ending(app, continued.generationId)).toMatchObject({ generation: { status: 'COMPLETED' } })
    expect(await app.message(asked.answerId)).toMatchObject({ status: 'COMPLETED', text: 'Once upon ' })
    expect(await threadOf(app, asked)).toEqual([
      ['USER', false, 'A story'],
      ['ASSISTANT', false, 'Once upon '],
      ['USER', true, goOn],
      ['ASSISTANT', false, 'a time.'],
    ])
    expect(await headOf(app, asked.conversationId)).toBe(continued.answerId)
    expect(await readConversation(app, asked)).toEqual({ title: 'A story', lastMessagePreview: 'a time.' })
  })

  test('is no new message for lists: preview and title stay with what was said', async () => {
    const { app } = server
    const asked = await canceled('Preview', 'Half an ')
    await continueIt(app, asked)
    expect(await readConversation(app, asked)).toEqual({ title: 'Preview', lastMessagePreview: 'Half an ' })
    await (await server.run(goOn)).finish()
  })

  test('that somebody stopped, twice, makes two branches', async () => {
    const { app } = server
    const asked = await canceled('Two branches', 'Half')
    const [one, other] = [await continueIt(app, asked), await continueIt(app, asked)]
    expect(other.questionId).not.toBe(one.questionId)
    expect(await headOf(app, asked.conversationId)).toBe(other.answerId)
    const { children } = await read<{ children: { id: string; isContinuation: boolean }[] }>(
      app,
      'Message',
      asked.answerId,
      'children { id isContinuation }',
    )
    expect(children).toEqual([one, other].map(({ questionId: id }) => ({ id, isContinuation: true })))
    for (const _ of [one, other]) await (await server.run(goOn)).finish()
  })

  test('that its provider broke off, with another model and without what that one does not take', async () => {
    const { app } = server
    const asked = await app.ask(await app.createConversation(), 'Broken off', { generate: { effort: 'LOW' } })
    const cut = await server.run('Broken off')
    await cut.text('Half')
    cut.cut('RST')
    expect(await ending(app, asked.generationId)).toMatchObject({ generation: { status: 'INTERRUPTED' } })
    const continued = await continueIt(app, asked, { generate: { modelId: 'demo' } })
    const model = await read(app, 'Generation', continued.generationId, 'model { name }')
    expect(model).toEqual({ model: { name: 'demo' } })
    await succeed(app, 'cancelGeneration', { generationId: continued.generationId })
  })

  test('of which only thinking was seen asks the question again', async () => {
    const { app } = server
    const asked = await app.ask(await app.createConversation(), 'Think')
    const reading = new Reading(app.follow(asked.generationId))
    await (await server.run('Think')).reasoning('Hm')
    await reading.holds(asked.answerId, 'Hm')
    await succeed(app, 'cancelGeneration', { generationId: asked.generationId })
    await continueIt(app, asked)
    const run = await server.run('Think')
    expect(messagesOf(run)).toEqual([['user', 'Think']])
    await run.finish()
  })

  test('happens once with one key', async () => {
    const { app } = server
    const asked = await canceled('Once', 'Half')
    const input = { clientMutationId: 'continue-exactly-once', generationId: asked.generationId }
    const payloads = await Promise.all(
      Array.from({ length: 5 }, () => mutate(app, 'continueGeneration', input)),
    )
    for (const payload of payloads) expect(payload).toEqual(payloads[0])
    expect(await threadOf(app, asked)).toHaveLength(4)
    await (await server.run(goOn)).finish()
  })

  test('is refused while it is written, where nothing is missing, and where there is nothing', async () => {
    const { app } = server
    const writing = await app.ask(await app.createConversation(), 'Refused')
    const run = await server.run('Refused')
    const refusal = (generationId: string) => failure(app, 'continueGeneration', { generationId })
    const rows = await everyRow(app.db)
    expect(await refusal(writing.generationId)).toMatchObject({ code: 'CONFLICT', path: ['generationId'] })
    expect(await everyRow(app.db)).toEqual(rows)
    await run.text('All of it')
    await run.finish()
    await ending(app, writing.generationId)
    expect(await refusal(writing.generationId)).toMatchObject({ code: 'INVALID', path: ['generationId'] })

    const silent = await app.ask(await app.createConversation(), 'Silent')
    await server.run('Silent')
    await succeed(app, 'cancelGeneration', { generationId: silent.generationId })
    expect(await refusal(silent.generationId)).toMatchObject({ code: 'INVALID' })
    expect(await refusal(unknownId('Generation'))).toMatchObject({
      code: 'NOT_FOUND',
      path: ['generationId'],
    })
  })

  /** An answer that was stopped in its middle. */
  async function canceled(prompt: string, text: string): Promise<Asked> {
    const { app } = server
    const asked = await app.ask(await app.createConversation(), prompt)
    const reading = new Reading(app.follow(asked.generationId))
    await (await server.run(prompt)).text(text)
    await reading.holds(asked.answerId, text)
    await succeed(app, 'cancelGeneration', { generationId: asked.generationId })
    return asked
  }
})

async function continueIt(app: TestApp, asked: Asked, input: object = {}): Promise<Asked> {
  const { generationId, conversationId } = asked
  return askedBy(conversationId, await succeed(app, 'continueGeneration', { generationId, ...input }))
}

function askedBy(conversationId: string, { userMessage, generation }: Payload): Asked {
  if (!userMessage || !generation) throw new Error('The continuation is missing')
  return {
    conversationId,
    questionId: userMessage.id,
    answerId: generation.message.id,
    generationId: generation.id,
  }
}

function readConversation(app: TestApp, { conversationId }: Asked) {
  return read(app, 'Conversation', conversationId, 'title lastMessagePreview')
}

type Thread = { thread: { nodes: { role: string; isContinuation: boolean; text: string }[] } }

async function threadOf(app: TestApp, { conversationId }: Asked) {
  const fields = 'thread { nodes { role isContinuation text } }'
  const { thread } = await read<Thread>(app, 'Conversation', conversationId, fields)
  return thread.nodes.map(({ role, isContinuation, text }) => [role, isContinuation, text])
}

/** What the model was sent: roles and texts. */
function messagesOf({ body }: ScriptedRun): [string, string][] {
  const messages = body['messages'] as { role: string; content: string | { text: string }[] }[]
  return messages.map(({ role, content }) => [
    role,
    typeof content === 'string' ? content : content.map(({ text }) => text).join(''),
  ])
}
