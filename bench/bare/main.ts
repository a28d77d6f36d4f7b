import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { getRawAsset } from 'node:sea'
import { PGlite } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'
import pg from 'pg'

/**
 * What an executable that answers from a Parley's database takes at the least: it opens the database, and runs one
 * query for each request.
 */
type Database = {
  query(text: string, parameters: unknown[]): Promise<{ rows: unknown[] }>
  close(): Promise<void>
}

async function openServer(url: string): Promise<Database> {
  const pool = new pg.Pool({ connectionString: url })
  return { query: (text, parameters) => pool.query(text, parameters), close: () => pool.end() }
}

/** As PGlite's documentation shows, in this thread; with the buffers that Parley gives it, which count as memory. */
async function openEmbedded(dataDir: string): Promise<Database> {
  return PGlite.create({
    fs: new NodeFS(join(dataDir, 'postgres')),
    pgliteWasmModule: await WebAssembly.compile(getRawAsset('pglite.wasm')),
    fsBundle: new Blob([getRawAsset('pglite.data')]),
    startParams: [...PGlite.defaultStartParams, '-c', 'shared_buffers=32MB'],
  })
}

const partsOf = 'select parts from message where id = $1'

async function main(): Promise<void> {
  const { DATABASE_URL: url, PARLEY_DATA_DIR: dataDir, PORT: wanted } = process.env
  const database = await (url ? openServer(url) : openEmbedded(dataDir!))
  const answer = async (path: string, response: ServerResponse) => {
    const messageId = /^\/text\/(.+)/.exec(path)?.[1]
    const { rows } = await (messageId ? database.query(partsOf, [messageId]) : database.query('select 1', []))
    const [message] = rows as { parts?: { text: string }[] }[]
    response.end(message?.parts?.map(({ text }) => text).join('\n\n'))
  }
  const server = createServer((request, response) => void answer(request.url!, response))
  server.listen(Number(wanted), '127.0.0.1', () => {
    console.log(`listening on ${(server.address() as AddressInfo).port}`)
  })
  process.on('SIGTERM', () => void database.close().finally(() => process.exit()))
}

void main()
