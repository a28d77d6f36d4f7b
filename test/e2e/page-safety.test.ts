import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser, onPage, openScene } from '../support/browser.ts'

const patient = { timeout: 60_000 }

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

test('what a model writes never becomes live: no HTML, no scripts, nothing loaded from elsewhere', async () => {
  await using scene = await openScene({ browser })
  const page = await scene.openTab()
  await onPage(page).say('Be evil')
  const run = await scene.upstream.request()
  await run.text(`<script>document.title = 'owned'</script>
<img src="x" onerror="document.title = 'owned'"> <b onmouseover="alert(1)">bold</b>

![picture](https://evil.example/pixel.png) ![inline](data:image/svg+xml;base64,PHN2Zy8+)

[script](javascript:document.title='owned') [data](data:text/html,hi) [good](https://example.com/) [here](/graphql)

<iframe src="https://evil.example/"></iframe>

The end`)
  await run.finish()
  const { log, answer } = onPage(page)
  await answer.getByText('The end').waitFor()
  await answer.getByText("<script>document.title = 'owned'</script>").waitFor()
  expect(await log.locator('img, script, iframe, b').count()).toBe(0)
  const links = await answer
    .getByRole('link')
    .evaluateAll((found) =>
      found.map((link) => [
        link.textContent,
        link.getAttribute('href'),
        link.getAttribute('target'),
        link.getAttribute('rel'),
      ]),
    )
  const outside = ['_blank', 'noopener noreferrer nofollow']
  expect(links).toEqual([
    ['picture', 'https://evil.example/pixel.png', ...outside],
    ['good', 'https://example.com/', ...outside],
  ])
  expect(await page.title()).toBe('Be evil – Parley')
  expect(scene.problems).toEqual([])
})

test('code in every kind of block keeps to the policy of the page', async () => {
  await using scene = await openScene({ browser })
  const page = await scene.openTab()
  const policy = (await page.request.get(scene.url)).headers()['content-security-policy']!
  expect(policy).toContain("script-src 'self'")
  expect(policy).not.toContain('unsafe-eval')
  await onPage(page).say('Show me code')
  const run = await scene.upstream.request()
  for (const language of ['ts', 'python', 'c++', 'rust', 'sql', 'no-such-language', '']) {
    await run.text(`\`\`\`${language}\nlet x = "1" # comment\n\`\`\`\n\n`)
  }
  await run.finish()
  await expect.poll(() => onPage(page).log.locator('pre').count(), patient).toBe(7)
  await expect.poll(() => onPage(page).log.locator('pre:has(span[style])').count(), patient).toBe(5)
  expect(scene.problems).toEqual([])
})

describe('a server with an access token', () => {
  const settings = { PARLEY_ACCESS_TOKEN: 'correct-horse-battery-staple' }

  test('is asked for it once: a wrong one is refused, the right one opens everything, a reload too', async () => {
    await using scene = await openScene({ browser, settings })
    const page = await scene.openTab()
    const field = page.getByLabel('Access token')
    await field.fill('wrong')
    await page.keyboard.press('Enter')
    await page.getByText('This is not the access token of this server.').waitFor()
    await field.fill(settings.PARLEY_ACCESS_TOKEN)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'What would you like to talk about?' }).waitFor()
    await onPage(page).say('Let me in')
    const run = await scene.upstream.request()
    await run.text('Come ')
    await onPage(page).log.getByText('Come').waitFor()
    await page.reload()
    await run.text('in')
    await onPage(page).log.getByText('Come in').waitFor()
    const kept = await page.evaluate(() => JSON.stringify(localStorage) + document.cookie)
    expect(kept).not.toContain('horse')
    // Chrome reports every refused request on the console.
    expect(scene.problems.filter((problem) => !problem.includes('401'))).toEqual([])
  })

  test('asks again when it has changed', async () => {
    await using scene = await openScene({ browser, settings })
    const page = await scene.openTab()
    await page.getByLabel('Access token').fill(settings.PARLEY_ACCESS_TOKEN)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'What would you like to talk about?' }).waitFor()
    await scene.context.clearCookies()
    await page.reload()
    await page.getByLabel('Access token').waitFor()
    expect(await onPage(page).field.count()).toBe(0)
  })
})
