import { beforeAll, describe, expect, test } from 'vitest'
import { errorsOf, say, succeed, unknownId } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { shareServer } from '../../support/shared-server.ts'

type Page = {
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly text: string } }[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean }
  readonly totalCount: number
}

type ListName = 'thread' | 'messages' | 'branches'

describe.each(databases)('lists of messages on $name', ({ create }) => {
  const server = shareServer(create)
  /** A conversation `1 2 3 4 5 6 7`, with the branch `3' 4'` under `2` and the branch `6'` under `5`. */
  let conversationId: string
  const ids: Record<string, string> = {}

  beforeAll(async () => {
    conversationId = await server.app.createConversation()
    for (const [text, parent] of [
      ...['1', '2', '3', '4', '5', '6', '7'].map((name) => [name, undefined] as const),
      ["3'", '2'],
      ["4'", undefined],
      ["6'", '5'],
    ] as const) {
      const parentId = parent && ids[parent]
      ids[text] = await say(server.app, conversationId, text, parentId ? { parentId } : {})
    }
  })

  describe('the thread', () => {
    test('is the path from the root to the head', async () => {
      await putHeadOn("4'")
      expect(texts(await list('thread'))).toEqual(['1', '2', "3'", "4'"])
      await putHeadOn('7')
      expect(texts(await list('thread'))).toEqual(['1', '2', '3', '4', '5', '6', '7'])
      await putHeadOn('3')
      expect(texts(await list('thread'))).toEqual(['1', '2', '3'])
    })

    test('ends at any message that somebody asks for, and is empty for one that is not there', async () => {
      expect(texts(await thread("6'"))).toEqual(['1', '2', '3', '4', '5', "6'"])
      expect(texts(await thread('2'))).toEqual(['1', '2'])
      const elsewhere = await say(server.app, await server.app.createConversation(), 'elsewhere')
      for (const leafId of [unknownId('Message'), 'nothing', conversationId, elsewhere]) {
        const page = await list('thread', `leafId: "${leafId}"`)
        expect(page).toMatchObject({ edges: [], totalCount: 0 })
        expect(page.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false })
      }
    })

    test.each([
      ['first: 3', ['1', '2', '3'], false, true],
      ['last: 3', ['5', '6', '7'], true, false],
      ['first: 7', ['1', '2', '3', '4', '5', '6', '7'], false, false],
      ['last: 100', ['1', '2', '3', '4', '5', '6', '7'], false, false],
      ['first: 0', [], false, true],
    ])('has pages from both ends: %s', async (args, expected, hasPreviousPage, hasNextPage) => {
      const page = await thread('7', args)
      expect(texts(page)).toEqual(expected)
      expect(page.pageInfo).toMatchObject({ hasPreviousPage, hasNextPage })
      expect(page.totalCount).toBe(7)
    })

    test('is paged through in both directions', async () => {
      expect(await forwards('thread', `leafId: "${ids['7']}", first: 2`)).toEqual([...'1234567'])
      expect(await backwards('thread', `leafId: "${ids['7']}", last: 3`)).toEqual([...'1234567'])
    })

    test('is read between two cursors', async () => {
      const { edges } = await thread('7')
      const between = `after: "${edges[1]?.cursor}", before: "${edges[5]?.cursor}"`
      expect(texts(await thread('7', `first: 2, ${between}`))).toEqual(['3', '4'])
      expect(texts(await thread('7', `last: 2, ${between}`))).toEqual(['4', '5'])
      expect(texts(await thread('7', between))).toEqual(['3', '4', '5'])
      expect(texts(await thread('7', `first: 9, after: "${edges[6]?.cursor}"`))).toEqual([])
      expect(texts(await thread('7', `last: 9, before: "${edges[0]?.cursor}"`))).toEqual([])
    })

    test('its cursors belong to their leaf, also when the head has moved', async () => {
      await putHeadOn('7')
      const page = await list('thread', 'first: 4')
      await putHeadOn("4'")
      const cursor = page.edges.at(-1)?.cursor
      expect(texts(await list('thread', `first: 10, after: "${cursor}"`))).toEqual(['5', '6', '7'])
      expect(texts(await list('thread', `last: 10, before: "${cursor}"`))).toEqual(['1', '2', '3'])
    })

    test('its cursors go on being right when something is said under the leaf', async () => {
      const id = await server.app.createConversation()
      for (const text of ['a', 'b', 'c']) await say(server.app, id, text)
      const { edges } = await list('thread', 'first: 1', id)
      await say(server.app, id, 'd')
      expect(texts(await list('thread', `first: 9, after: "${edges[0]?.cursor}"`, id))).toEqual(['b', 'c'])
      expect(texts(await list('thread', '', id))).toEqual(['a', 'b', 'c', 'd'])
    })

    test('refuses cursors of two leaves, of another leaf, of another conversation and of no thread', async () => {
      const [here, there] = [(await thread('7')).edges, (await thread("6'")).edges]
      const refused = async (args: string, id = conversationId) =>
        expect(await codesOf('thread', args, id)).toEqual(['BAD_USER_INPUT'])
      await refused(`leafId: "${ids['7']}", after: "${there[0]?.cursor}"`)
      await refused(`leafId: "${ids['7']}", before: "${there[0]?.cursor}"`)
      await refused(`after: "${here[0]?.cursor}", before: "${there[0]?.cursor}"`)
      await refused(`first: 1, after: "${(await list('messages')).edges[0]?.cursor}"`)
      for (const cursor of ['garbage', '', Buffer.from('x:1').toString('base64url')]) {
        await refused(`first: 1, after: "${cursor}"`)
        await refused(`last: 1, before: "${cursor}"`)
      }
      const other = await server.app.createConversation()
      await say(server.app, other, 'Another conversation')
      await refused(`first: 1, after: "${here[0]?.cursor}"`, other)
    })

    test('has the last 50 where nobody says how many', async () => {
      const id = await server.app.createConversation()
      for (let number = 1; number <= 53; number += 1) await say(server.app, id, String(number))
      const page = await list('thread', '', id)
      expect(texts(page)).toEqual(Array.from({ length: 50 }, (_, index) => String(index + 4)))
      expect(page.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false })
      expect(page.totalCount).toBe(53)
      const before = await list('thread', `before: "${page.edges[0]?.cursor}"`, id)
      expect(texts(before)).toEqual(['1', '2', '3'])
    })
  })

  test('`messages` are all of the graph in the order of creation, paged in both directions', async () => {
    const all = [...'1234567', "3'", "4'", "6'"]
    expect(texts(await list('messages'))).toEqual(all)
    expect(await forwards('messages', 'first: 3')).toEqual(all)
    expect(await backwards('messages', 'last: 4')).toEqual(all)
    expect((await list('messages', 'first: 1')).totalCount).toBe(all.length)
  })

  test('`branches` are the leaves, newest first, paged forwards', async () => {
    const leaves = ["6'", "4'", '7']
    expect(texts(await list('branches'))).toEqual(leaves)
    expect(await forwards('branches', 'first: 1')).toEqual(leaves)
    expect((await list('branches', 'first: 1')).totalCount).toBe(3)
  })

  test.each(['messages', 'branches'] as const)('`%s` refuse cursors that are none', async (name) => {
    const foreign = (await thread('7')).edges[0]?.cursor
    for (const cursor of ['garbage', '', 'W10', foreign]) {
      expect(await codesOf(name, `first: 1, after: "${cursor}"`)).toEqual(['BAD_USER_INPUT'])
    }
  })

  test.each(['thread', 'messages', 'branches'] as const)('`%s` refuse impossible pages', async (name) => {
    for (const args of ['first: -1', 'first: 101']) {
      expect(await codesOf(name, args)).toEqual(['BAD_USER_INPUT'])
    }
    if (name === 'branches') return
    for (const args of ['last: -1', 'last: 101', 'first: 1, last: 1']) {
      expect(await codesOf(name, args)).toEqual(['BAD_USER_INPUT'])
    }
  })

  async function putHeadOn(text: string): Promise<void> {
    await succeed(server.app, 'setHead', { conversationId, leafId: ids[text] })
  }

  function thread(leaf: string, args = ''): Promise<Page> {
    return list('thread', `leafId: "${ids[leaf]}", ${args}`)
  }

  function query(name: ListName, args: string): string {
    return `query ($id: ID!) { conversation(id: $id) { list: ${name}${args && `(${args})`} {
      edges { cursor node { text } } totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`
  }

  async function list(name: ListName, args = '', id = conversationId): Promise<Page> {
    const found = await server.app.run<{ conversation: { list: Page } }>(query(name, args), { id })
    return found.conversation.list
  }

  async function codesOf(name: ListName, args: string, id = conversationId) {
    const errors = await errorsOf(server.app, query(name, args), { id })
    return errors.map(({ extensions }) => extensions?.code)
  }

  async function forwards(name: ListName, args: string): Promise<string[]> {
    const found: string[] = []
    for (let after = ''; ; ) {
      const page = await list(name, `${args}${after}`)
      found.push(...texts(page))
      if (!page.pageInfo.hasNextPage) return found
      after = `, after: "${page.edges.at(-1)?.cursor}"`
    }
  }

  async function backwards(name: ListName, args: string): Promise<string[]> {
    const found: string[] = []
    for (let before = ''; ; ) {
      const page = await list(name, `${args}${before}`)
      found.unshift(...texts(page))
      if (!page.pageInfo.hasPreviousPage) return found
      before = `, before: "${page.edges[0]?.cursor}"`
    }
  }
})

function texts({ edges }: Page): string[] {
  return edges.map(({ node }) => node.text)
}
