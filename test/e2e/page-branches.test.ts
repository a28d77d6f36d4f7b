import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, onPage, openScene, type Scene } from '../support/browser.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

/** Answers the next run, and waits until the page has the whole of it. */
async function answer(scene: Scene, page: Page, text: string): Promise<void> {
  const run = await scene.upstream.request()
  await run.text(text)
  await run.finish()
  await onPage(page).log.getByText(text, { exact: true }).waitFor()
  await onPage(page).button('Send').waitFor()
}

/** What is said on the branch that the page shows, oldest first. */
async function spoken(page: Page): Promise<string[]> {
  const texts = await onPage(page).log.locator('article > div:first-of-type').allInnerTexts()
  return texts.map((text) => text.trim())
}

/** Points at a message, as its buttons ask for, and presses one of them. */
async function press(page: Page, message: string, button: string): Promise<void> {
  const article = onPage(page).log.getByRole('article').filter({ hasText: message })
  await article.hover()
  await article.getByRole('button', { name: button, exact: true }).click()
}

test('an edit is another version beside the first; each keeps what followed it', async () => {
  await using scene = await openScene({ browser })
  const page = await scene.openTab()
  await onPage(page).say('Name a colour')
  await answer(scene, page, 'Blue')
  await onPage(page).say('And another')
  await answer(scene, page, 'Green')

  await press(page, 'Name a colour', 'Edit message')
  const editor = page.getByRole('textbox', { name: 'Edit message' })
  expect(await editor.inputValue()).toBe('Name a colour')
  await editor.fill('Name an animal')
  await editor.press('Enter')
  await answer(scene, page, 'Otter')
  expect(await spoken(page)).toEqual(['Name an animal', 'Otter'])
  await onPage(page).question.getByText('2/2').waitFor()

  await press(page, 'Name an animal', 'Previous version')
  await onPage(page).log.getByText('Green').waitFor()
  expect(await spoken(page)).toEqual(['Name a colour', 'Blue', 'And another', 'Green'])
  await page.reload()
  await onPage(page).log.getByText('Green').waitFor()
  expect(await spoken(page)).toEqual(['Name a colour', 'Blue', 'And another', 'Green'])

  await press(page, 'Name a colour', 'Next version')
  await onPage(page).log.getByText('Otter').waitFor()
  expect(await spoken(page)).toEqual(['Name an animal', 'Otter'])
  expect(scene.problems).toEqual([])
})

test('another answer stands beside the first, also while it is being written', async () => {
  await using scene = await openScene({ browser })
  const page = await scene.openTab()
  await onPage(page).say('Toss a coin')
  await answer(scene, page, 'Heads')
  await press(page, 'Heads', 'Answer again')
  const run = await scene.upstream.request()
  await run.text('Tai')
  await onPage(page).log.getByText('Tai', { exact: true }).waitFor()
  expect(await onPage(page).log.getByText('Heads').count()).toBe(0)
  await onPage(page).answer.getByText('2/2').waitFor()
  await run.text('ls')
  await run.finish()
  await onPage(page).answer.getByText('2/2').waitFor()

  await press(page, 'Tails', 'Previous version')
  await onPage(page).answer.getByText('1/2').waitFor()
  expect(await spoken(page)).toEqual(['Toss a coin', 'Heads'])
  await onPage(page).say('Again')
  await answer(scene, page, 'Edge')
  expect(await spoken(page)).toEqual(['Toss a coin', 'Heads', 'Again', 'Edge'])
  await press(page, 'Heads', 'Next version')
  await onPage(page).answer.getByText('2/2').waitFor()
  expect(await spoken(page)).toEqual(['Toss a coin', 'Tails'])
  await press(page, 'Tails', 'Previous version')
  await onPage(page).log.getByText('Edge').waitFor()
  expect(scene.problems).toEqual([])
})

test('the other tab goes where this one goes', async () => {
  await using scene = await openScene({ browser })
  const page = await scene.openTab()
  await onPage(page).say('Toss a coin')
  await answer(scene, page, 'Heads')
  const other = await scene.openTab(new URL(page.url()).pathname.slice(1))
  await press(page, 'Heads', 'Answer again')
  await answer(scene, page, 'Tails')
  await onPage(other).log.getByText('Tails').waitFor()
  await press(other, 'Tails', 'Previous version')
  await onPage(page).log.getByText('Heads').waitFor()
  expect(await spoken(page)).toEqual(['Toss a coin', 'Heads'])
  expect(scene.problems).toEqual([])
})

test('a conversation is named after its beginning, renamed, and deleted once that is confirmed', async () => {
  await using scene = await openScene({ browser })
  const page = await scene.openTab()
  const other = await scene.openTab()
  const { sidebar, button } = onPage(page)
  const choose = async (menu: string, item: string): Promise<void> => {
    await sidebar.getByRole('listitem').first().hover()
    await button(menu).click()
    await page.getByRole('menuitem', { name: item }).click()
  }
  await onPage(page).say('Plan the harvest feast')
  await answer(scene, page, 'Pumpkins')
  await onPage(other).sidebar.getByRole('link', { name: 'Plan the harvest feast' }).waitFor()

  await choose('Options of Plan the harvest feast', 'Rename')
  await sidebar.getByRole('textbox', { name: 'Title' }).fill('Feast')
  await page.keyboard.press('Enter')
  await sidebar.getByRole('link', { name: 'Feast', exact: true }).waitFor()
  await page.getByRole('heading', { name: 'Feast', exact: true }).waitFor()
  expect(await page.title()).toBe('Feast – Parley')
  await onPage(other).sidebar.getByRole('link', { name: 'Feast', exact: true }).click()
  await onPage(other).log.getByText('Pumpkins').waitFor()

  await choose('Options of Feast', 'Delete…')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('alertdialog').waitFor({ state: 'detached' })
  await onPage(page).log.getByText('Pumpkins').waitFor()
  await choose('Options of Feast', 'Delete…')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('heading', { name: 'What would you like to talk about?' }).waitFor()
  expect(new URL(page.url()).pathname).toBe('/')
  await sidebar.getByText('Conversations will be listed here').waitFor()
  await other.getByRole('heading', { name: 'This conversation does not exist' }).waitFor()
  expect(scene.problems).toEqual([])
})

test('the list shows forty conversations and more when it is asked to; the newest is always on top', async () => {
  await using scene = await openScene({ browser })
  await scene.create(Array.from({ length: 45 }, (_, index) => `Number ${index}`))
  const page = await scene.openTab()
  const items = onPage(page).sidebar.getByRole('listitem')
  await items.nth(39).waitFor()
  expect(await items.count()).toBe(40)
  await onPage(page).button('Show more').click()
  await items.nth(44).waitFor()
  expect(await onPage(page).button('Show more').count()).toBe(0)
  await scene.create(['The newest'])
  await items.nth(45).waitFor()
  expect(await items.first().innerText()).toBe('The newest')
  await onPage(page).sidebar.getByRole('link', { name: 'Number 3', exact: true }).click()
  await onPage(page).say('Wake up')
  await answer(scene, page, 'I am awake')
  expect(await items.first().innerText()).toBe('Number 3')
  expect(await items.count()).toBe(46)
  expect(scene.problems).toEqual([])
})

test('a long conversation opens at its end, and what came before is read when somebody scrolls up', async () => {
  await using scene = await openScene({ browser })
  const page = await scene.openTab()
  await onPage(page).say('Question 1')
  await answer(scene, page, 'Answer 1')
  const id = new URL(page.url()).pathname.split('/').at(-1)!
  await scene.say(id, 60)
  await page.reload()
  await onPage(page).log.getByText('Statement 60', { exact: true }).waitFor()
  expect(await onPage(page).log.getByText('Answer 1', { exact: true }).count()).toBe(0)
  const scroller = onPage(page).log.locator('..')
  expect(await scroller.evaluate((e) => e.scrollHeight - e.clientHeight - e.scrollTop)).toBeLessThan(5)
  await scroller.evaluate((e) => e.scrollTo(0, 0))
  await onPage(page).log.getByText('Answer 1', { exact: true }).waitFor({ state: 'attached' })
  // The line that was being read has not moved away.
  expect(await onPage(page).log.getByText('Statement 11', { exact: true }).isVisible()).toBe(true)
  expect(await scroller.evaluate((e) => e.scrollTop)).toBeGreaterThan(100)
  expect(scene.problems).toEqual([])
})
