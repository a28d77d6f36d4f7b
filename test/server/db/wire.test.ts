import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { type Backend, shareBackend } from '../../../src/server/db/wire.ts'

/** A backend that answers each unit with its length; a Query that says `begin` opens a transaction. */
function backend(): Backend & { readonly units: string[] } {
  const units: string[] = []
  let inTransaction = false
  return {
    units,
    run(messages, answer) {
      const text = Buffer.from(messages).toString('latin1')
      units.push(text)
      if (text.includes('begin')) inTransaction = true
      if (text.includes('commit') || text.includes('rollback')) inTransaction = false
      answer(Buffer.from(`[${text.length}]`))
    },
    inTransaction: () => inTransaction,
  }
}

/** Two ends of a connection: what the client writes and what it got, and the stream that the server takes. */
function connection() {
  const received: string[] = []
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      received.push(String(chunk))
      done()
    },
  })
  return { received, stream, send: (bytes: Buffer) => stream.push(bytes), close: () => stream.destroy() }
}

function message(type: string, body = ''): Buffer {
  const bytes = Buffer.from(`${type}\0\0\0\0${body}`, 'latin1')
  bytes.writeInt32BE(body.length + 4, type.length)
  return bytes
}

const startup = message('', '\0\x03\0\0user\0parley\0\0')
const query = (text: string) => message('Q', `${text}\0`)
const extended = (text: string) => ['P', 'B', 'D', 'E'].map((type) => message(type, text))
const sync = message('S')

/** Resolves when everything sent so far has been read. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

async function units(chunks: readonly Buffer[]): Promise<string[]> {
  const shared = backend()
  const client = connection()
  shareBackend(shared)(client.stream)
  for (const chunk of chunks) client.send(chunk)
  await settled()
  return shared.units
}

describe('messages are run', () => {
  const conversation = [
    startup,
    ...extended('one'),
    sync,
    query('two'),
    ...extended('three'.repeat(50)),
    sync,
  ]
  const bytes = Buffer.concat(conversation)
  const expected = [
    [startup],
    [...extended('one'), sync],
    [query('two')],
    [...extended('three'.repeat(50)), sync],
  ]

  test.each([1, 2, 3, 7, 64, 1_000_000])(
    'a statement at a time, when they come %i bytes at a time',
    async (size) => {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      )
      expect(await units(chunks)).toEqual(expected.map((parts) => Buffer.concat(parts).toString('latin1')))
    },
  )

  test('only when the statement is complete', async () => {
    expect(await units([startup, ...extended('one')])).toHaveLength(1)
  })
})

describe('clients', () => {
  function two() {
    const shared = backend()
    const accept = shareBackend(shared)
    const [one, other] = [connection(), connection()] as const
    for (const client of [one, other]) accept(client.stream)
    return { one, other, ran: () => shared.units.map((unit) => /[a-z]+/.exec(unit)?.[0]) }
  }

  test('wait while another one is inside a transaction, and get their own answers', async () => {
    const { one, other, ran } = two()
    one.send(Buffer.concat([startup, query('begin')]))
    await settled()
    other.send(Buffer.concat([startup, query('other')]))
    await settled()
    one.send(query('work'))
    one.send(query('commit'))
    await settled()
    expect(ran()).toEqual(['user', 'begin', 'work', 'commit', 'user', 'other'])
    expect(other.received).toEqual([`[${startup.length}]`, `[${query('other').length}]`])
  })

  test('that flush keep their turn until they sync', async () => {
    const { one, other, ran } = two()
    one.send(Buffer.concat([startup, message('P', 'parse'), message('H')]))
    await settled()
    other.send(startup)
    await settled()
    expect(ran()).toEqual(['user', 'parse'])
    one.send(Buffer.concat([message('E', 'execute'), sync]))
    await settled()
    expect(ran()).toEqual(['user', 'parse', 'execute', 'user'])
  })

  test('that go away inside a transaction have it rolled back, and nothing more of theirs is run', async () => {
    const { one, other, ran } = two()
    one.send(Buffer.concat([startup, query('begin')]))
    await settled()
    other.send(Buffer.concat([startup, query('other')]))
    await settled()
    one.close()
    await once(one.stream, 'close')
    expect(ran()).toEqual(['user', 'begin', 'rollback', 'user', 'other'])
  })

  test('that go away while they wait are forgotten', async () => {
    const { one, other, ran } = two()
    one.send(Buffer.concat([startup, query('begin')]))
    await settled()
    other.send(Buffer.concat([startup, query('other')]))
    await settled()
    other.close()
    await once(other.stream, 'close')
    one.send(query('commit'))
    await settled()
    expect(ran()).toEqual(['user', 'begin', 'commit'])
  })
})
