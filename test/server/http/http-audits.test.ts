import { serverAudits } from 'graphql-http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Edge, startEdge } from '../../support/edge.ts'

let edge: Edge

beforeAll(async () => {
  edge = await startEdge()
})
afterAll(() => edge.close())

describe('GraphQL over HTTP', () => {
  test.each(serverAudits({ url: () => edge.endpoint }))('$name', async (audit) => {
    expect(await audit.fn()).toMatchObject({ status: 'ok' })
  })
})
