import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser, onPage, openScene } from '../support/browser.ts'

const patient = { timeout: 60_000 }

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

const wide = `A table:

| ${Array.from({ length: 14 }, (_, index) => `Column ${index}`).join(' | ')} |
| ${'--- | '.repeat(14)}
| ${Array.from({ length: 14 }, (_, index) => `Value number ${index}`).join(' | ')} |

\`\`\`ts
const line = '${'long '.repeat(60)}'
\`\`\`

And \`${'x'.repeat(200)}\` and https://example.com/${'y'.repeat(200)}
`

const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }

async function widths(page: Page): Promise<{ scroll: number; inner: number }> {
  return page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, inner: window.innerWidth }))
}

async function scrollsInside(element: Locator): Promise<boolean> {
  return element.evaluate((e) => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === 'auto')
}

describe('at 360 pixels', () => {
  test('nothing makes the page wider: tables and code scroll inside themselves', async () => {
    await using scene = await openScene({ browser, context: phone })
    const page = await scene.openTab()
    await onPage(page).field.fill('z'.repeat(300))
    await onPage(page).button('Send').tap()
    const run = await scene.upstream.request()
    await run.text(wide)
    await onPage(page).log.getByText('And').waitFor()
    expect(await scrollsInside(onPage(page).log.locator('pre'))).toBe(true)
    expect(await scrollsInside(onPage(page).log.getByRole('group', { name: 'Table' }))).toBe(true)
    const { scroll, inner } = await widths(page)
    expect(inner).toBe(360)
    expect(scroll).toBeLessThanOrEqual(inner)
    await run.finish()
    await onPage(page).button('Send').waitFor()
    expect((await widths(page)).scroll).toBeLessThanOrEqual(360)
    expect(scene.problems).toEqual([])
  })

  test('the conversations are in a drawer, and buttons are large enough for a finger', async () => {
    await using scene = await openScene({ browser, context: phone })
    const page = await scene.openTab()
    await onPage(page).field.fill('Hello')
    await onPage(page).button('Send').tap()
    const run = await scene.upstream.request()
    await run.text('Hi.')
    await run.finish()
    await onPage(page).button('Copy answer').waitFor()
    await onPage(page).button('Conversations').tap()
    const drawer = page.getByRole('dialog', { name: 'Conversations' })
    await drawer.getByRole('link', { name: 'Hello' }).waitFor()
    await drawer.getByRole('link', { name: 'New chat' }).tap()
    await drawer.waitFor({ state: 'detached' })
    await page.getByRole('heading', { name: 'What would you like to talk about?' }).waitFor()
    const { width, height } = (await onPage(page).button('Conversations').boundingBox())!
    expect(Math.min(width, height)).toBeGreaterThanOrEqual(44)
    expect((await widths(page)).scroll).toBeLessThanOrEqual(360)
  })

  test('the list is followed while the drawer is closed', async () => {
    await using scene = await openScene({ browser, context: phone })
    const page = await scene.openTab()
    const connected = page.waitForEvent('websocket')
    await page.reload()
    await connected
    const other = await scene.openTab()
    await onPage(other).field.fill('Said elsewhere')
    await onPage(other).button('Send').tap()
    await scene.upstream.request()
    await onPage(page).button('Conversations').tap()
    await page
      .getByRole('dialog', { name: 'Conversations' })
      .getByRole('link', { name: 'Said elsewhere' })
      .waitFor()
    expect(await page.getByText('Reconnecting').count()).toBe(0)
  })

  test('Enter on a touch keyboard breaks the line', async () => {
    await using scene = await openScene({ browser, context: phone })
    const page = await scene.openTab()
    await onPage(page).field.fill('one')
    await onPage(page).field.press('Enter')
    expect(await onPage(page).field.inputValue()).toBe('one\n')
  })
})

test('who scrolls up is left alone while the answer grows, and finds the way back', async () => {
  await using scene = await openScene({ browser, context: { viewport: { width: 900, height: 500 } } })
  const page = await scene.openTab()
  await onPage(page).say('Go on')
  const run = await scene.upstream.request()
  const scroller = onPage(page).log.locator('..')
  const fromEnd = () => scroller.evaluate((e) => e.scrollHeight - e.clientHeight - e.scrollTop)
  const lines = (from: number) =>
    Array.from({ length: 30 }, (_, index) => `Line ${from + index}\n\n`).join('')
  await run.text(lines(0))
  await onPage(page).log.getByText('Line 29').waitFor()
  await expect.poll(fromEnd, patient).toBeLessThan(5)
  await scroller.hover()
  await page.mouse.wheel(0, -400)
  await onPage(page).button('To the new text').waitFor()
  const top = await scroller.evaluate((e) => e.scrollTop)
  await run.text(lines(30))
  await onPage(page).log.getByText('Line 59').waitFor()
  expect(await scroller.evaluate((e) => e.scrollTop)).toBe(top)
  await onPage(page).button('To the new text').click()
  await expect.poll(fromEnd, patient).toBeLessThan(5)
  await run.text(lines(60))
  await onPage(page).log.getByText('Line 89').waitFor()
  await expect.poll(fromEnd, patient).toBeLessThan(5)
})

test('each block of an answer is laid out by its own script', async () => {
  await using scene = await openScene({ browser })
  const page = await scene.openTab()
  await onPage(page).field.fill('Greet me')
  await onPage(page).button('Send').click()
  const run = await scene.upstream.request()
  await run.text('Twice:\n\n- Hello.\n- שלום.')
  await run.finish()
  await onPage(page).log.getByText('שלום').waitFor()
  const [latin, hebrew] = await onPage(page)
    .log.locator('li')
    .evaluateAll((items) =>
      items.map((item) => {
        const text = document.createRange()
        text.selectNodeContents(item)
        return { text: text.getBoundingClientRect(), item: item.getBoundingClientRect() }
      }),
    )
  expect(latin!.text.left - latin!.item.left).toBeLessThan(10)
  expect(hebrew!.item.right - hebrew!.text.right).toBeLessThan(10)
})

test('the theme follows the system until one is chosen, which a reload keeps', async () => {
  await using scene = await openScene({ browser, context: { colorScheme: 'dark' } })
  const page = await scene.openTab()
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  const dark = await background()
  await page.emulateMedia({ colorScheme: 'light' })
  // Colors change in a transition.
  await expect.poll(background, patient).not.toBe(dark)
  const light = await background()
  await page.getByRole('radio', { name: 'Dark theme' }).check({ force: true })
  await expect.poll(background, patient).toBe(dark)
  await page.reload()
  await expect.poll(background, patient).toBe(dark)
  await page.getByRole('radio', { name: 'Theme of the system' }).check({ force: true })
  await expect.poll(background, patient).toBe(light)
  expect(scene.problems).toEqual([])
})
