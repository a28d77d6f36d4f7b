import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, onPage, openScene } from '../support/browser.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

test.each([
  ['was stopped', 'Stopped'],
  ['broke off', 'The answer broke off'],
  ['reached its length limit', 'reached its length limit'],
])('an answer that %s goes on behind a seam, over a reload as well', async (_how, note) => {
  await using scene = await openScene({ browser })
  const page = await scene.openTab()
  const { answer, button, log } = onPage(page)
  await onPage(page).say('Count')
  const run = await scene.upstream.request()
  await run.text('One, two,')
  await answer.getByText('One, two,').waitFor()
  if (note === 'Stopped') await button('Stop').click()
  else if (note === 'The answer broke off') run.cut('RST')
  else await run.finish('max_tokens')
  await answer.getByText(note).waitFor()
  await button('Continue').click()
  const rest = await scene.upstream.request()
  await rest.text('three.')
  await answer.getByText('three.').waitFor()
  await log.getByText('continued', { exact: true }).waitFor()
  expect(await answer.getByText(note).count()).toBe(0)
  await rest.finish()
  await button('Send').waitFor()
  await page.reload()
  await answer.getByText('three.').waitFor()
  await log.getByText('continued', { exact: true }).waitFor()
  expect(await log.getByRole('article', { name: 'You' }).allInnerTexts()).toEqual(['Count'])
  expect(await log.getByText('Claude Sonnet').count()).toBe(1)
  expect(scene.upstream.runs.length).toBe(2)
  expect(scene.problems).toEqual([])
})

test('an answer that waits in the queue says how many are ahead, moves up, and can be stopped', async () => {
  await using scene = await openScene({ browser, settings: { PARLEY_LIMIT_RUNS: '1' } })
  const page = await scene.openTab()
  const { answer, button, sidebar } = onPage(page)
  await onPage(page).say('First')
  const first = await scene.upstream.request()
  for (const text of ['Second', 'Third', 'Fourth']) {
    await sidebar.getByRole('link', { name: 'New chat' }).click()
    await onPage(page).say(text)
    await sidebar.getByRole('link', { name: text }).waitFor()
  }
  await answer.getByText('Waiting in the queue, 2 ahead').waitFor()
  await button('Stop').click()
  await answer.getByText('Stopped').waitFor()
  await sidebar.getByRole('link', { name: 'Third' }).click()
  await answer.getByText('Waiting in the queue, 1 ahead').waitFor()
  await first.finish()
  const second = await scene.upstream.request()
  expect(second.prompt).toBe('Second')
  await answer.getByText('Next in the queue').waitFor()
  await second.finish()
  const third = await scene.upstream.request()
  expect(third.prompt).toBe('Third')
  await third.text('At last')
  await answer.getByText('At last').waitFor()
  await third.finish()
  await button('Send').waitFor()
  expect(scene.problems).toEqual([])
})
