import { createHash } from 'node:crypto'
import { type GraphQLSchema, printSchema } from 'graphql'
import { builder } from './builder.ts'
import { RecoveryPolicy } from './enums.ts'
import { ModelRef } from './refs.ts'

const ServerInfo = builder.objectRef<object>('ServerInfo').implement({
  description: 'What this server is.',
  fields: (t) => ({
    version: t.string({
      description: 'Of Parley, as `0.1.0`.',
      resolve: (_info, _args, { about }) => about.version,
    }),
    schemaVersion: t.string({
      description: 'Changes whenever this schema does.',
      resolve: (_info, _args, _context, { schema }) => schemaVersion(schema),
    }),
    features: t.stringList({
      description:
        'Names of what this server has beyond the schema, as `embedded-database` or `access-token`.',
      resolve: (_info, _args, { about }) => [...about.features],
    }),
    defaultModel: t.field({
      type: ModelRef,
      nullable: true,
      description: 'Model used when nobody names one.',
      resolve: (_info, _args, { chat }) => chat.models.defaultModel(),
    }),
    recovery: t.field({
      type: RecoveryPolicy,
      description: 'What becomes of cut answers where a conversation does not say.',
      resolve: (_info, _args, { chat }) => chat.recovery,
    }),
  }),
})

const versions = new WeakMap<GraphQLSchema, string>()

function schemaVersion(schema: GraphQLSchema): string {
  const version =
    versions.get(schema) ?? createHash('sha256').update(printSchema(schema)).digest('hex').slice(0, 12)
  versions.set(schema, version)
  return version
}

builder.queryField('serverInfo', (t) =>
  t.field({ type: ServerInfo, description: 'What this server is.', resolve: () => ({}) }),
)
