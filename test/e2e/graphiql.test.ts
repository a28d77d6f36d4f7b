import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, openScene } from '../support/browser.ts'
import { postGraphQL } from '../support/graphql-client.ts'

let browser: Browser

beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

const accessToken = 'an-access-token'

test.each([
  ['without an access token', {}],
  ['with the cookie of one', { PARLEY_ACCESS_TOKEN: accessToken }],
])(
  'GraphiQL loads nothing from elsewhere, shows the documentation and runs a subscription, %s',
  async (_with, settings) => {
    await using scene = await openScene({ browser, settings })
    const generationId = await askDemo(scene.app.url)
    await scene.context.request.post(`${scene.app.url}session`, { data: { token: accessToken } })
    const query = `subscription { generationEvents(generationId: "${generationId}") { __typename cursor } }`
    const tab = await scene.openTab(`graphql?query=${encodeURIComponent(query)}`)

    await tab.getByRole('button', { name: 'Show Documentation Explorer' }).click()
    await tab.getByRole('link', { name: 'Subscription' }).click()
    await tab.getByText(/^One run, from/).waitFor()

    await tab.getByRole('button', { name: /^Execute query/ }).click()
    await responseOf(tab).getByText('GenerationFinished').waitFor()
    expect(scene.problems).toEqual([])
  },
)

/** Has the demo model answer, and gives the generation's id. */
async function askDemo(url: string): Promise<string> {
  const created = await mutate(url, 'createConversation(input: {}) { conversation { id } }')
  const sent = await mutate(
    url,
    `sendMessage(input: { conversationId: "${created.conversation?.id}", text: "Hello",
      generate: { modelId: "demo" } }) { generation { id } }`,
  )
  return String(sent.generation?.id)
}

type Payload = Partial<Record<'conversation' | 'generation', { readonly id: string }>>

async function mutate(url: string, field: string): Promise<Payload> {
  const query = `mutation { payload: ${field} }`
  const reply = await postGraphQL(`${url}graphql`, { query }, { Authorization: `Bearer ${accessToken}` })
  return reply.json<{ data: { payload: Payload } }>().data.payload
}

function responseOf(tab: Page) {
  return tab.locator('.graphiql-response')
}
