import { describe, expect, test } from 'vitest'
import { errorsOf, say } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { shareServer } from '../../support/shared-server.ts'

describe.each(databases)('relatives of messages on $name', ({ create }) => {
  const server = shareServer(create)

  test('that multiply when they are nested end at the cost that an operation may have', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const parentId = await say(app, conversationId, 'Root')
    for (let number = 0; number < 25; number += 1) await say(app, conversationId, `${number}`, { parentId })
    const read = (selection: string) => `{ message(id: "${parentId}") { children { ${selection} } } }`
    const { message } = await app.run<{ message: { children: { siblings: unknown[] }[] } }>(
      read('siblings { text }'),
    )
    expect(message.children.flatMap(({ siblings }) => siblings)).toHaveLength(625)
    const errors = await errorsOf(app, read('siblings { siblings { text } }'))
    expect(errors.map(({ extensions }) => extensions?.['code'])).toEqual(['COST_LIMIT'])
  })
})
