import { sql } from 'kysely'
import { beforeEach, describe, expect, test } from 'vitest'
import { type ConversationId, fromGlobalId } from '../../../src/server/ids.ts'
import { errorsOf, say, succeed } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { postGraphQL } from '../../support/graphql-client.ts'
import { shareServer } from '../../support/shared-server.ts'

type Page = {
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[]
  readonly nodes: readonly { readonly id: string; readonly title: string }[]
  readonly pageInfo: {
    readonly hasNextPage: boolean
    readonly hasPreviousPage: boolean
    readonly startCursor: string | null
    readonly endCursor: string | null
  }
  readonly totalCount: number
}

describe.each(databases)('the list of conversations on $name', ({ create }) => {
  const server = shareServer(create)

  beforeEach(() => server.app.db.updateTable('conversation').set({ deleted_at: new Date() }).execute())

  test('begins with what was changed last', async () => {
    const [a, b, c] = await make('a', 'b', 'c')
    expect(titles(await list(''))).toEqual(['c', 'b', 'a'])
    await say(server.app, a!, 'Me first')
    await succeed(server.app, 'updateConversation', { conversationId: b, title: 'b!' })
    expect(titles(await list(''))).toEqual(['b!', 'a', 'c'])
    expect((await list('')).edges.map(({ node }) => node.id)).toEqual([b, a, c])
  })

  test.each([
    ['UPDATED_AT', 'DESC', ['b', 'a', 'c']],
    ['UPDATED_AT', 'ASC', ['c', 'a', 'b']],
    ['CREATED_AT', 'DESC', ['a', 'c', 'b']],
    ['CREATED_AT', 'ASC', ['b', 'c', 'a']],
    ['TITLE', 'DESC', ['c', 'b', 'a']],
    ['TITLE', 'ASC', ['a', 'b', 'c']],
  ])('is ordered by %s %s, and pages are in that order both ways', async (field, direction, expected) => {
    const [b, , a] = await make('b', 'c', 'a')
    for (const conversationId of [a, b]) {
      await succeed(server.app, 'updateConversation', { conversationId, systemPrompt: 'Changed' })
    }
    const order = `orderBy: { field: ${field}, direction: ${direction} }`
    expect(titles(await list(order))).toEqual(expected)
    expect(await forwards(`${order}, first: 1`)).toEqual(expected)
    expect(await backwards(`${order}, last: 2`)).toEqual(expected)
  })

  test('calls what has no title by the same name wherever it is ordered', async () => {
    await make('M', 'O')
    await server.app.createConversation()
    const order = 'orderBy: { field: TITLE, direction: ASC }'
    expect(titles(await list(order))).toEqual(['M', 'New conversation', 'O'])
    expect(await forwards(`${order}, first: 1`)).toEqual(['M', 'New conversation', 'O'])
  })

  test.each([
    ['without a filter', '', ['plain', 'starred']],
    ['with a filter that is null', 'filter: null', ['plain', 'starred']],
    ['with an empty filter', 'filter: {}', ['plain', 'starred']],
    ['archived', 'filter: { archived: true }', ['both', 'archived']],
    ['archived or not', 'filter: { archived: null }', ['both', 'archived', 'plain', 'starred']],
    ['starred', 'filter: { starred: true }', ['starred']],
    ['not starred', 'filter: { starred: false }', ['plain']],
    ['starred and archived', 'filter: { starred: true, archived: true }', ['both']],
  ])('holds, %s, what the filter says', async (_what, filter, expected) => {
    const [starred, , archived, both] = await make('starred', 'plain', 'archived', 'both')
    const order = 'orderBy: { field: CREATED_AT, direction: DESC }'
    await succeed(server.app, 'updateConversation', { conversationId: starred, starred: true })
    await succeed(server.app, 'updateConversation', { conversationId: archived, archived: true })
    await succeed(server.app, 'updateConversation', { conversationId: both, archived: true, starred: true })
    const page = await list([order, filter].filter(Boolean).join(', '))
    const inOrder = ['both', 'archived', 'plain', 'starred'].filter((title) => expected.includes(title))
    expect(titles(page)).toEqual(inOrder)
    expect(page.totalCount).toBe(expected.length)
  })

  test('tells where a page is', async () => {
    await make('d', 'c', 'b', 'a')
    const first = await list('first: 2')
    expect(first.pageInfo).toMatchObject({ hasPreviousPage: false, hasNextPage: true })
    expect(first.pageInfo.startCursor).toBe(first.edges[0]?.cursor)
    expect(first.pageInfo.endCursor).toBe(first.edges[1]?.cursor)
    const second = await list(`first: 2, after: "${first.pageInfo.endCursor}"`)
    expect(second.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false })
    const last = await list('last: 3')
    expect(titles(last)).toEqual(['b', 'c', 'd'])
    expect(last.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false })
    const before = await list(`last: 3, before: "${last.pageInfo.startCursor}"`)
    expect(titles(before)).toEqual(['a'])
    expect(before.pageInfo).toMatchObject({ hasPreviousPage: false, hasNextPage: true })
    for (const { totalCount } of [first, second, last, before]) expect(totalCount).toBe(4)
  })

  test('can be read between two cursors, and empty pages have no cursors', async () => {
    await make('d', 'c', 'b', 'a')
    const { edges } = await list('')
    const between = `after: "${edges[0]?.cursor}", before: "${edges[3]?.cursor}"`
    expect(titles(await list(`first: 10, ${between}`))).toEqual(['b', 'c'])
    expect(titles(await list(`last: 1, ${between}`))).toEqual(['c'])
    const empty = await list(`first: 5, after: "${edges[3]?.cursor}"`)
    expect(empty).toMatchObject({
      nodes: [],
      pageInfo: { startCursor: null, endCursor: null, hasNextPage: false },
    })
    expect((await list('first: 0')).nodes).toEqual([])
  })

  test('holds 20 where nobody says how many', async () => {
    await make(...Array.from({ length: 21 }, (_, index) => String(index)))
    const page = await list('')
    expect(page.nodes).toHaveLength(20)
    expect(page.totalCount).toBe(21)
    expect(page.pageInfo.hasNextPage).toBe(true)
  })

  test('is read without gaps and repetitions while conversations come, move and go', async () => {
    const [f, e, , c] = await make('f', 'e', 'd', 'c', 'b', 'a')
    const first = await list('first: 2')
    expect(titles(first)).toEqual(['a', 'b'])
    await make('new')
    await say(server.app, f!, 'To the top')
    await succeed(server.app, 'deleteConversation', { conversationId: c })
    const second = await list(`first: 2, after: "${first.pageInfo.endCursor}"`)
    expect(titles(second)).toEqual(['d', 'e'])
    await succeed(server.app, 'deleteConversation', { conversationId: e })
    const third = await list(`first: 2, after: "${second.pageInfo.endCursor}"`)
    expect(titles(third)).toEqual([])
    const top = await list(`last: 5, before: "${first.pageInfo.startCursor}"`)
    expect(titles(top)).toEqual(['f', 'new'])
  })

  test('tells conversations of the very same time and title apart', async () => {
    const ids = await make(...Array.from({ length: 7 }, () => 'same'))
    const updated_at = new Date('2026-01-01T00:00:00.123Z')
    const keys = ids.map((id) => fromGlobalId(id)?.key as ConversationId)
    await server.app.db.updateTable('conversation').set({ updated_at }).where('id', 'in', keys).execute()
    for (const field of ['UPDATED_AT', 'TITLE']) {
      const order = `orderBy: { field: ${field}, direction: ASC }`
      expect(await forwards(`${order}, first: 3`, 'id')).toEqual(ids)
      expect(await backwards(`${order}, last: 3`, 'id')).toEqual(ids)
    }
  })

  test('is exact to the microsecond, as the database is', async () => {
    const ids = await make('a', 'b', 'c')
    for (const [index, id] of ids.entries()) {
      const updated_at = sql<Date>`timestamptz '2026-01-01 00:00:00.123400+00' + ${index} * interval '1 microsecond'`
      const key = fromGlobalId(id)?.key as ConversationId
      await server.app.db.updateTable('conversation').set({ updated_at }).where('id', '=', key).execute()
    }
    expect(await forwards('first: 1')).toEqual(['c', 'b', 'a'])
  })

  test('takes titles of any characters in its cursors', async () => {
    const wild = ['"', '\\', 'a\u2028b', '🙂'.repeat(100), "'; drop table conversation; --", '[]']
    await make(...wild)
    const order = 'orderBy: { field: TITLE, direction: ASC }'
    const all = titles(await list(order))
    expect(all.toSorted()).toEqual(wild.toSorted())
    expect(await forwards(`${order}, first: 1`)).toEqual(all)
  })

  test.each(['garbage', '', 'bnVsbA', 'W10', 'WzFd', Buffer.from('["a","b","c"]').toString('base64url')])(
    'refuses a cursor that is none: %j',
    async (cursor) => {
      for (const args of [`first: 1, after: "${cursor}"`, `last: 1, before: "${cursor}"`]) {
        expect(await codesOf(args)).toEqual(['BAD_USER_INPUT'])
      }
    },
  )

  test('gives a page or refuses, whatever somebody has made of a cursor', async () => {
    await make('a')
    const wild = [
      null,
      1,
      '',
      '0',
      '-1',
      '9'.repeat(16),
      '9'.repeat(30),
      '2026-13-01 00:00:00+00',
      'epoch',
      '\0',
      [],
    ]
    for (const field of ['UPDATED_AT', 'CREATED_AT', 'TITLE']) {
      const order = `orderBy: { field: ${field}, direction: ASC }`
      const { cursor } = (await list(order)).edges[0]!
      const parts = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[]
      const forgeries = parts.flatMap((_part, at) => wild.map((value) => parts.with(at, value)))
      for (const forgery of [...forgeries, [...parts, 'x'], parts.slice(1)]) {
        const forged = Buffer.from(JSON.stringify(forgery)).toString('base64url')
        const reply = await postGraphQL(server.app.endpoint, { query: query(`${order}, after: "${forged}"`) })
        const codes = (reply.json().errors ?? []).map(({ extensions }) => extensions?.code)
        expect([[], ['BAD_USER_INPUT']]).toContainEqual(codes)
      }
    }
  })

  test('refuses a cursor of another list, and of another order', async () => {
    const [a] = await make('a', 'b')
    for (const text of ['x', 'y']) await say(server.app, a!, text)
    const query = `query ($id: ID!) { conversation(id: $id) { thread { edges { cursor } } } models { edges { cursor } } }`
    const { conversation, models } = await server.app.run<{
      conversation: Record<string, Page>
      models: Page
    }>(query, { id: a })
    const [byTitle, byUpdate] = [
      await list('orderBy: { field: TITLE, direction: ASC }'),
      await list('orderBy: { field: UPDATED_AT, direction: DESC }'),
    ]
    const others = [conversation['thread']!, models, byTitle].map(({ edges }) => edges[0]?.cursor)
    for (const cursor of others) expect(await codesOf(`after: "${cursor}"`)).toEqual(['BAD_USER_INPUT'])
    const inAnotherOrder = `orderBy: { field: TITLE, direction: ASC }, after: "${byUpdate.edges[0]?.cursor}"`
    expect(await codesOf(inAnotherOrder)).toEqual(['BAD_USER_INPUT'])
  })

  test.each(['first: -1', 'last: -1', 'first: 101', 'last: 101', 'first: 1, last: 1'])(
    'refuses a page of %s',
    async (args) => expect(await codesOf(args)).toEqual(['BAD_USER_INPUT']),
  )

  /** Makes conversations one after the other. */
  async function make(...names: readonly string[]): Promise<string[]> {
    const ids = []
    for (const title of names) {
      ids.push((await succeed(server.app, 'createConversation', { title })).conversation!.id)
    }
    return ids
  }

  function query(args: string): string {
    const fields = `edges { cursor node { id } } nodes { id title } totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`
    return `{ viewer { conversations${args && `(${args})`} { ${fields} } } }`
  }

  async function list(args: string): Promise<Page> {
    const { viewer } = await server.app.run<{ viewer: { conversations: Page } }>(query(args))
    return viewer.conversations
  }

  async function codesOf(args: string) {
    return (await errorsOf(server.app, query(args))).map(({ extensions }) => extensions?.code)
  }

  async function forwards(args: string, field: 'id' | 'title' = 'title'): Promise<string[]> {
    const found: string[] = []
    for (let after = ''; ; ) {
      const { nodes, pageInfo } = await list(`${args}${after}`)
      found.push(...nodes.map((node) => node[field]))
      if (!pageInfo.hasNextPage) return found
      after = `, after: "${pageInfo.endCursor}"`
    }
  }

  async function backwards(args: string, field: 'id' | 'title' = 'title'): Promise<string[]> {
    const found: string[] = []
    for (let before = ''; ; ) {
      const { nodes, pageInfo } = await list(`${args}${before}`)
      found.unshift(...nodes.map((node) => node[field]))
      if (!pageInfo.hasPreviousPage) return found
      before = `, before: "${pageInfo.startCursor}"`
    }
  }
})

function titles({ nodes }: Page): string[] {
  return nodes.map(({ title }) => title)
}
