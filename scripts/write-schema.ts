import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { printSchema } from 'graphql'
import { schema } from '../src/server/graphql/schema.ts'

writeFileSync(join(import.meta.dirname, '..', 'schema', 'schema.graphql'), `${printSchema(schema)}\n`)
