import { type Kysely, sql } from 'kysely'

/**
 * The statement that inserts chunks reads and locks their runs itself. Looking each one up once more, chunk by chunk,
 * was a third of what writing a token cost. A run that ends takes its chunks with it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table chunk drop constraint chunk_generation_id_fkey`.execute(db)
}
