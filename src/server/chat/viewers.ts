import type { Viewer } from '../auth/viewer.ts'
import type { Db } from '../db/connect.ts'
import type { ViewerRow } from '../db/tables.ts'
import { newId, type ViewerId } from '../ids.ts'

const handle = 'local'

/** The one viewer of a server without accounts, made at the first start; its id stays, so accounts can adopt it. */
export async function ensureLocalViewer(db: Db): Promise<Viewer> {
  const local = db.selectFrom('viewer').select(['id', 'handle']).where('handle', '=', handle)
  const viewer = await local.executeTakeFirst()
  if (viewer) return viewer
  await db
    .insertInto('viewer')
    .values({ id: newId<ViewerId>(), handle, name: 'You', email: null, role: 'ADMIN' })
    .onConflict((conflict) => conflict.column('handle').doNothing())
    .execute()
  return local.executeTakeFirstOrThrow()
}

/** The accounts of `ids` that the viewer may see: nobody sees another's yet. */
export async function findViewers(db: Db, viewer: Viewer, ids: readonly ViewerId[]): Promise<ViewerRow[]> {
  return db.selectFrom('viewer').selectAll().where('id', 'in', ids).where('id', '=', viewer.id).execute()
}
