import { describe, expect, test } from 'vitest'
import { startApp } from '../../support/app.ts'
import { databases } from '../../support/databases.ts'

describe.each(databases)('durable events on $name', ({ create }) => {
  test('become visible in the order of seq, however many write at once', async () => {
    await using place = await create()
    await using app = await startApp({ place, settings: { PARLEY_LIMIT_OPERATIONS_PER_SECOND: '10000' } })
    const conversation = await app.createConversation()
    const say = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { userMessage { id } } }'
    let writing = true
    const writers = Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        app.run(say, { input: { conversationId: conversation, text: `Message ${index}` } }),
      ),
    ).then(() => {
      writing = false
    })
    while (writing) {
      const seen = await app.db.selectFrom('conversation_event').select('seq').orderBy('seq').execute()
      expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1))
    }
    await writers
    const { last_seq, message_count } = await app.db
      .selectFrom('conversation')
      .select(['last_seq', 'message_count'])
      .executeTakeFirstOrThrow()
    const events = await app.db.selectFrom('conversation_event').select('seq').execute()
    expect(events).toHaveLength(last_seq)
    expect(message_count).toBe(40)
  })
})
