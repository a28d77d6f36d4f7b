import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser, onPage, openScene, type Scene } from '../support/browser.ts'

const patient = { timeout: 60_000 }
/** Long before the page would ask by itself whether the server is still there, also on a machine that is busy. */
const atOnce = { timeout: 5_000 }

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

/** The answer's text as it stands, once it holds `text`. */
async function readAnswer(page: Page, text: string): Promise<string> {
  const { answer } = onPage(page)
  await answer.getByText(text).first().waitFor()
  return answer.locator('.markdown').innerText()
}

/** A tab with a conversation that has one answer. */
async function greeted(scene: Scene): Promise<Page> {
  const page = await scene.openTab()
  await onPage(page).say('Hello')
  const run = await scene.upstream.request()
  await run.text('Hi.')
  await run.finish()
  await onPage(page).button('Copy answer').waitFor()
  await onPage(page).button('Send').waitFor()
  return page
}

function standStill(): void {
  const end = Date.now() + 5_500
  while (Date.now() < end);
}

/** From now on the server does what it is asked to, and the page never hears of it over HTTP. */
async function loseAnswers(scene: Scene): Promise<void> {
  await scene.context.route('**/graphql', async (route) => {
    await route.fetch().catch(() => {})
    await route.abort()
  })
}

describe('an answer', () => {
  test('appears word by word, while the model is still speaking', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.openTab()
    await onPage(page).say('Count to seven')
    const run = await scene.upstream.request()
    expect(run.prompt).toBe('Count to seven')
    const lengths: number[] = []
    for (const word of ['one ', 'two ', 'three ', 'four ', 'five ', 'six ', 'seven']) {
      await run.text(word)
      lengths.push((await readAnswer(page, word.trim())).length)
    }
    expect(new Set(lengths).size).toBe(7)
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b))
    await onPage(page).button('Stop').waitFor()
    await run.finish()
    await onPage(page).button('Send').waitFor()
    expect(await readAnswer(page, 'seven')).toBe('one two three four five six seven')
    expect(await onPage(page).log.getAttribute('aria-busy')).toBe('false')
    expect(scene.problems).toEqual([])
  })

  test('is there at once after a reload in the middle, and goes on', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.openTab()
    await onPage(page).say('Tell me a story')
    const run = await scene.upstream.request()
    await run.text('Once upon a time there was ')
    await readAnswer(page, 'there was')
    await page.reload()
    expect(await readAnswer(page, 'Once upon')).toBe('Once upon a time there was')
    await run.text('a server')
    await readAnswer(page, 'a server')
    await page.reload()
    await run.text(' that forgot nothing.')
    await run.finish()
    expect(await readAnswer(page, 'forgot nothing.')).toBe(
      'Once upon a time there was a server that forgot nothing.',
    )
    await onPage(page).button('Send').waitFor()
    expect(scene.problems).toEqual([])
  })

  test('stops when it is told to, and keeps what it had said', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.openTab()
    await onPage(page).say('Talk for ever')
    const run = await scene.upstream.request()
    await run.text('On and on')
    await readAnswer(page, 'On and on')
    await onPage(page).button('Stop').click()
    await run.closed
    await onPage(page).answer.getByText('Stopped').waitFor()
    expect(await readAnswer(page, 'On and on')).toBe('On and on')
    await onPage(page).button('Send').waitFor()
    await page.reload()
    await onPage(page).answer.getByText('Stopped').waitFor()
    expect(scene.problems).toEqual([])
  })

  test('goes on while another conversation is shown, and is whole when one comes back', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.openTab()
    const { sidebar } = onPage(page)
    await onPage(page).say('First question')
    const first = await scene.upstream.request()
    await first.text('Slowly, ')
    await readAnswer(page, 'Slowly')
    await sidebar.getByRole('link', { name: 'New chat' }).click()
    await onPage(page).say('Second question')
    const second = await scene.upstream.request()
    await second.text('Quick.')
    await second.finish()
    await readAnswer(page, 'Quick.')
    const writing = sidebar
      .getByRole('link', { name: 'First question' })
      .getByRole('img', { name: 'An answer is being written' })
    await writing.waitFor()
    await first.text('but surely, ')
    await sidebar.getByRole('link', { name: 'First question' }).click()
    await first.text('it comes.')
    expect(await readAnswer(page, 'it comes.')).toBe('Slowly, but surely, it comes.')
    await first.finish()
    await onPage(page).button('Send').waitFor()
    await writing.waitFor({ state: 'detached' })
    expect(scene.problems).toEqual([])
  })

  test('is followed live by a second tab, list and all', async () => {
    await using scene = await openScene({ browser })
    const one = await scene.openTab()
    const other = await scene.openTab()
    await onPage(one).say('For everybody')
    const run = await scene.upstream.request()
    await run.text('Here ')
    await readAnswer(one, 'Here')
    await onPage(other).sidebar.getByRole('link', { name: 'For everybody' }).click()
    expect(await readAnswer(other, 'Here')).toBe('Here')
    await run.text('and there')
    await Promise.all([readAnswer(one, 'and there'), readAnswer(other, 'and there')])
    await run.finish()
    await onPage(other).button('Send').waitFor()
    await onPage(other).say('And back?')
    await (await scene.upstream.request()).text('Both ways')
    await Promise.all([readAnswer(one, 'Both ways'), readAnswer(other, 'Both ways')])
    expect(scene.problems).toEqual([])
  })

  test('that breaks off keeps its text, says why below it, and can be asked for again', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.openTab()
    await onPage(page).say('Be careful')
    const run = await scene.upstream.request()
    await run.text('So far so ')
    await readAnswer(page, 'So far so')
    run.cut('RST')
    await onPage(page).answer.getByText('The answer broke off').waitFor()
    expect(await readAnswer(page, 'So far so')).toBe('So far so')
    await onPage(page).button('Try again').click()
    await (await scene.upstream.request()).text('Better')
    await readAnswer(page, 'Better')
    await onPage(page).answer.getByText('The answer broke off').waitFor({ state: 'detached' })
    expect(scene.problems).toEqual([])
  })

  test('says when it was cut at its length, and folds away what the model thought', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.openTab()
    const { answer, button } = onPage(page)
    await onPage(page).say('Think')
    const run = await scene.upstream.request()
    await run.reasoning('A secret plan')
    await answer.getByText('Thinking').waitFor()
    await run.text('The plan')
    await run.finish('max_tokens')
    await answer.getByText('reached its length limit').waitFor()
    expect(await answer.getByText('A secret plan').isVisible()).toBe(false)
    await answer.getByText('Thoughts').click()
    await answer.getByText('A secret plan').waitFor()
    await button('Copy answer').waitFor()
    expect(scene.problems).toEqual([])
  })
})

test('answers, code and questions are copied as they were written', async () => {
  const permissions = ['clipboard-read', 'clipboard-write']
  await using scene = await openScene({ browser, context: { permissions } })
  const page = await scene.openTab()
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText())
  await onPage(page).say('Show **me**')
  const run = await scene.upstream.request()
  const code = 'const a = 1\n\nconst b = "<b>"'
  const answer = `Here is *it*:\n\n\`\`\`ts\n${code}\n\`\`\`\n`
  await run.text(answer)
  await run.finish()
  await onPage(page).button('Copy answer').click()
  await expect.poll(clipboard, patient).toBe(answer)
  await onPage(page).button('Copy code').click()
  await expect.poll(clipboard, patient).toBe(code)
  await onPage(page).question.hover()
  await onPage(page).button('Copy message').click()
  await expect.poll(clipboard, patient).toBe('Show **me**')
  expect(scene.problems).toEqual([])
})

describe('the network', () => {
  test('may lose the socket: the rest comes over the next one, without a word twice', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.context.newPage()
    const sockets: { close(): Promise<void> }[] = []
    let away = false
    await page.routeWebSocket(/graphql/, (socket) => {
      if (away) return void socket.close({ code: 1011 })
      socket.connectToServer()
      sockets.push(socket)
    })
    await page.goto(scene.url)
    await onPage(page).say('Stay with me')
    const run = await scene.upstream.request()
    await run.text('one ')
    await readAnswer(page, 'one')
    away = true
    await Promise.all(sockets.map((socket) => socket.close()))
    await run.text('two ')
    await page.getByText('Reconnecting').waitFor()
    away = false
    await page.getByText('Connected again').waitFor()
    await run.text('three')
    expect(await readAnswer(page, 'three')).toBe('one two three')
    await page.getByText('Connected again').waitFor({ state: 'detached' })
  })

  test('may fall silent: back from sleep, or online, or looked at, the page has what it missed at once', async () => {
    await using scene = await openScene({ browser })
    let silent = 0
    let sockets = 0
    await scene.context.routeWebSocket(/graphql/, (socket) => {
      const number = ++sockets
      const server = socket.connectToServer()
      const isHeard = () => number > silent
      server.onMessage((message) => isHeard() && socket.send(message))
      socket.onMessage((message) => isHeard() && server.send(message))
    })
    const page = await greeted(scene)
    await onPage(page).say('Go on')
    const run = await scene.upstream.request()
    const returns = {
      // To the page a machine that sleeps is one on which nothing happens for a while.
      sleep: () => page.evaluate(standStill),
      online: () => page.evaluate(() => void window.dispatchEvent(new Event('online'))),
      look: () => page.evaluate(() => void document.dispatchEvent(new Event('visibilitychange'))),
    }
    for (const [name, comeBack] of Object.entries(returns)) {
      silent = sockets
      await run.text(`${name} `)
      await comeBack()
      await onPage(page).answer.getByText(name).waitFor(atOnce)
    }
  })

  test('may lose the confirmation: an event brings it', async () => {
    await using scene = await openScene({ browser })
    const page = await greeted(scene)
    await loseAnswers(scene)
    await onPage(page).say('Only once')
    await (await scene.upstream.request()).text('Once.')
    await readAnswer(page, 'Once.')
    expect(await onPage(page).log.getByText('Only once').count()).toBe(1)
    expect(await page.getByText('Not sent').count()).toBe(0)
  })

  test('may lose the confirmation and the events: sending again says it once', async () => {
    await using scene = await openScene({ browser })
    let deaf = false
    await scene.context.routeWebSocket(/graphql/, (socket) => {
      const server = socket.connectToServer()
      server.onMessage((message) => deaf || socket.send(message))
    })
    const page = await greeted(scene)
    deaf = true
    await loseAnswers(scene)
    await onPage(page).say('Only once')
    const run = await scene.upstream.request()
    await page.getByText('Not sent').waitFor()
    await scene.context.unroute('**/graphql')
    await onPage(page).button('Try now').click()
    await page.getByText('Not sent').waitFor({ state: 'detached' })
    deaf = false
    await page.reload()
    await run.text('Once.')
    await readAnswer(page, 'Once.')
    expect(await onPage(page).log.getByText('Only once').count()).toBe(1)
    expect(scene.upstream.runs.length).toBe(2)
  })

  test('may be away when something is said: it is kept, over a reload as well, and sent again', async () => {
    await using scene = await openScene({ browser })
    const page = await greeted(scene)
    await scene.context.route('**/graphql', (route) => route.abort())
    await onPage(page).say('Do not lose this')
    await page.getByText('Not sent').waitFor()
    await onPage(page).log.getByText('Do not lose this').waitFor()
    await scene.context.unroute('**/graphql')
    await page.reload()
    const run = await scene.upstream.request()
    expect(run.prompt).toBe('Do not lose this')
    await run.text('I have it')
    await readAnswer(page, 'I have it')
    expect(await onPage(page).log.getByText('Do not lose this').count()).toBe(1)
  })
})
