import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, onPage, openScene } from '../support/browser.ts'
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts'
import { announcedRandom } from '../support/random.ts'
import type { ScriptedRun } from '../support/scripted-provider.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

const questions = ['First question', 'Second question']

test('on a network that harms 30 % of everything, the page asks once and shows every answer whole', async () => {
  const random = announcedRandom('chaos on the page')
  await using stack = new AsyncDisposableStack()
  const proxies: ChaosProxy[] = []
  const through = async (url: string) => {
    const proxy = stack.use(await startChaosProxy(url, random, 0))
    proxies.push(proxy)
    return proxy.url
  }
  const scene = stack.use(await openScene({ browser, through }))
  const proxy = proxies[0]!
  const page = await scene.openTab()
  await onPage(page).field.waitFor()

  proxy.harm = 0.3
  for (const question of questions) {
    await onPage(page).say(question)
    const asked = scene.upstream.request()
    const run = await insist(page, asked)
    expect(run.prompt).toBe(question)
    await answer(page, run)
    await insist(page, onPage(page).answer.getByText(lastWord(question)).waitFor())
    await insist(page, onPage(page).button('Send').waitFor())
  }
  proxy.harm = 0
  await expectTalk(page)
  await page.reload()
  await onPage(page).answer.getByText(lastWord(questions[1]!)).waitFor()
  await expectTalk(page)
  expect(scene.upstream.runs.map(({ prompt }) => prompt)).toEqual(questions)
  const { db } = scene.app
  const roles = (await db.selectFrom('message').select('role').orderBy('depth').execute()).map(
    ({ role }) => role,
  )
  expect(roles).toEqual(['USER', 'ASSISTANT', 'USER', 'ASSISTANT'])
})

function lastWord(question: string): string {
  return `this is all about the ${question.toLowerCase()}.`
}

function answerTo(question: string): string {
  return `${Array.from({ length: 60 }, (_, index) => `word ${index} `).join('')}and ${lastWord(question)}`
}

/** Word by word, so slowly that the page sees most of them arrive. */
async function answer(page: Page, run: ScriptedRun): Promise<void> {
  for (const word of answerTo(run.prompt).match(/\S+ ?/g) ?? []) {
    await run.text(word)
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)))
  }
  await run.finish()
}

/** Does what the page offers where something was not sent, until the rest has come true. */
async function insist<Result>(page: Page, wanted: Promise<Result>): Promise<Result> {
  let isDone = false
  const done = wanted.finally(() => {
    isDone = true
  })
  const again = page.getByRole('button', { name: 'Try again', exact: true })
  while (!isDone) {
    await Promise.race([done, again.click({ timeout: 500 }).catch(() => {})])
  }
  return done
}

async function expectTalk(page: Page): Promise<void> {
  const { log } = onPage(page)
  const said = await log.getByRole('article', { name: 'You' }).allInnerTexts()
  expect(said.map((text) => text.trim())).toEqual(questions)
  const answers = await log.getByRole('article', { name: 'Answer' }).locator('.markdown').allInnerTexts()
  expect(answers).toEqual(questions.map(answerTo))
}
