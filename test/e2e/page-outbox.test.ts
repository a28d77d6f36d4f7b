import type { Browser, Page, Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser, onPage, openScene, type Scene } from '../support/browser.ts'
import type { ScriptedRun } from '../support/scripted-provider.ts'

const patient = { timeout: 60_000 }

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

/** Answers the oldest question that the model has not seen yet. */
async function answer(scene: Scene, text: string): Promise<ScriptedRun> {
  const run = await scene.upstream.request()
  await run.text(text)
  await run.finish()
  return run
}

/** A tab with a conversation that has one answer. */
async function greeted(scene: Scene): Promise<Page> {
  const page = await scene.openTab()
  await onPage(page).say('Hello')
  await answer(scene, 'Hi.')
  await onPage(page).log.getByText('Hi.').waitFor()
  await onPage(page).button('Send').waitFor()
  return page
}

/** Everything that was said in the branch shown, oldest first. */
async function spoken(page: Page): Promise<string[]> {
  const texts = await onPage(page).log.locator('article > div:first-of-type').allInnerTexts()
  return texts.map((text) => text.trim())
}

/** Waits until the browser keeps `text` in its database. */
async function untilKept(page: Page, text: string): Promise<void> {
  await expect.poll(() => page.evaluate(readDisk), patient).toContain(text)
}

function readDisk(): Promise<string> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('parley')
    opening.addEventListener('error', () => reject(opening.error))
    opening.addEventListener('success', () => {
      const reading = opening.result.transaction('page').objectStore('page').getAll()
      reading.addEventListener('success', () => resolve(JSON.stringify(reading.result)))
      opening.result.close()
    })
  })
}

/** The tab dies on the spot, without a chance to do anything more. */
async function kill(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const crashed = page.waitForEvent('crash')
  session.send('Page.crash').catch(() => {})
  await crashed
  await page.close({ runBeforeUnload: false })
}

/** Says “Late” while the server is away and somebody else says “Statement 1”; `heard` when the page knows. */
async function sayBesideOther(scene: Scene, page: Page): Promise<{ heard: Promise<void> }> {
  scene.network.set('gone')
  await onPage(page).say('Late')
  await page.getByText('Not sent yet').waitFor()
  await scene.say(new URL(page.url()).pathname.split('/').at(-1)!, 1)
  const heard = new Promise<void>((resolve) => {
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => {
        if (payload.includes('Statement 1')) resolve()
      }),
    )
  })
  return { heard }
}

function isSend(route: Route): boolean {
  return route.request().postData()?.includes('mutation SendMessage') ?? false
}

function queued(page: Page) {
  return page.getByRole('list', { name: 'Waiting to be sent' }).getByRole('listitem')
}

describe('what is typed', () => {
  test('is there again when the tab was killed', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.openTab()
    await onPage(page).field.pressSequentially('Half a thou')
    await untilKept(page, 'Half a thou')
    await kill(page)
    const again = await scene.openTab()
    expect(await onPage(again).field.inputValue()).toBe('Half a thou')
  })

  test('is not written over by another tab while somebody types', async () => {
    await using scene = await openScene({ browser })
    const page = await greeted(scene)
    const other = await scene.openTab(new URL(page.url()).pathname.slice(1))
    await onPage(page).field.fill('Mine')
    await untilKept(page, 'Mine')
    await onPage(other).field.fill('Yours')
    await untilKept(other, 'Yours')
    expect(await onPage(page).field.inputValue()).toBe('Mine')
    await page.reload()
    expect(await onPage(page).field.inputValue()).toBe('Yours')
  })

  test('into the editor of a message is kept as well', async () => {
    await using scene = await openScene({ browser })
    const page = await greeted(scene)
    await page.keyboard.press('ArrowUp')
    const editor = page.getByRole('textbox', { name: 'Edit message' })
    await editor.fill('Hello there')
    await untilKept(page, 'Hello there')
    await page.reload()
    await onPage(page).log.getByText('Hi.').waitFor()
    await page.keyboard.press('ArrowUp')
    expect(await editor.inputValue()).toBe('Hello there')
    await editor.press('Escape')
    await page.keyboard.press('ArrowUp')
    expect(await editor.inputValue()).toBe('Hello')
  })

  test('and said works without IndexedDB, without a word about it', async () => {
    await using scene = await openScene({ browser })
    await scene.context.addInitScript(() => {
      const open = () => {
        throw new Error('denied')
      }
      Object.defineProperty(window, 'indexedDB', { value: { open } })
    })
    const page = await greeted(scene)
    await onPage(page).field.fill('Half a thought')
    await onPage(page).sidebar.getByRole('link', { name: 'New chat' }).click()
    await onPage(page).sidebar.getByRole('link', { name: 'Hello' }).click()
    expect(await onPage(page).field.inputValue()).toBe('Half a thought')
    expect(scene.problems).toEqual([])
  })
})

describe('what is said while the server is away', () => {
  test('is said once when it is back, in order, in a conversation that is made once', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.openTab()
    await onPage(page).field.waitFor()
    scene.network.set('gone')
    await onPage(page).say('First')
    await page.getByText('Not sent yet').waitFor()
    await onPage(page).say('Second')
    await queued(page).getByText('Second').waitFor()
    await onPage(page).sidebar.getByRole('link', { name: 'First' }).waitFor()
    scene.network.set('open')
    expect((await answer(scene, 'One')).prompt).toBe('First')
    expect((await answer(scene, 'Two')).prompt).toBe('Second')
    await onPage(page).log.getByText('Two', { exact: true }).waitFor()
    expect(await spoken(page)).toEqual(['First', 'One', 'Second', 'Two'])
    expect(await queued(page).count()).toBe(0)
    await onPage(page).sidebar.getByRole('link', { name: 'First' }).waitFor()
    expect(await onPage(page).sidebar.getByRole('listitem').count()).toBe(1)
    expect(scene.upstream.runs.length).toBe(2)
  })

  test('is said by the next visit when the tab was killed in the middle', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.openTab()
    await onPage(page).field.waitFor()
    scene.network.set('silent')
    await onPage(page).say('Do not lose this')
    await page.getByText('Sending').waitFor()
    await untilKept(page, 'Do not lose this')
    await kill(page)
    scene.network.set('open')
    const again = await scene.openTab()
    expect((await answer(scene, 'I have it')).prompt).toBe('Do not lose this')
    await onPage(again).sidebar.getByRole('link', { name: 'Do not lose this' }).click()
    await onPage(again).log.getByText('I have it').waitFor()
    expect(await spoken(again)).toEqual(['Do not lose this', 'I have it'])
    expect(await onPage(again).field.inputValue()).toBe('')
    expect(scene.upstream.runs.length).toBe(1)
  })

  test.each([
    ['', true],
    [', also where the browser has no locks', false],
  ])('is shown by every tab and sent by one of them%s', async (_where, locks) => {
    await using scene = await openScene({ browser })
    if (!locks)
      await scene.context.addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }))
    const page = await greeted(scene)
    const other = await scene.openTab(new URL(page.url()).pathname.slice(1))
    await onPage(other).log.getByText('Hi.').waitFor()
    scene.network.set('gone')
    await onPage(page).say('Only once')
    await onPage(other).log.getByText('Only once').waitFor()
    await onPage(other).say('From here too')
    await queued(page).getByText('From here too').waitFor()
    scene.network.set('open')
    expect((await answer(scene, 'Once.')).prompt).toBe('Only once')
    expect((await answer(scene, 'And again.')).prompt).toBe('From here too')
    for (const tab of [page, other]) {
      await onPage(tab).log.getByText('And again.').waitFor()
      expect(await spoken(tab)).toEqual(['Hello', 'Hi.', 'Only once', 'Once.', 'From here too', 'And again.'])
    }
    expect(scene.upstream.runs.length).toBe(3)
  })

  test('lands where it was said, beside what has been said meanwhile', async () => {
    await using scene = await openScene({ browser })
    const page = await greeted(scene)
    const { heard } = await sayBesideOther(scene, page)
    // The page hears of the other before it is heard itself.
    await scene.context.route('**/graphql', async (route) => {
      if (isSend(route)) await heard
      await route.continue()
    })
    scene.network.set('open')
    expect((await answer(scene, 'Better late')).prompt).toBe('Late')
    const late = onPage(page).question
    await late.getByText('2/2').waitFor()
    await onPage(page).log.getByText('Better late').waitFor()
    expect(await spoken(page)).toEqual(['Hello', 'Hi.', 'Late', 'Better late'])
    await late.hover()
    await late.getByRole('button', { name: 'Previous version' }).click()
    await onPage(page).log.getByText('Statement 1').waitFor()
  })

  test('and is discarded gives way to what has been said meanwhile', async () => {
    await using scene = await openScene({ browser })
    const page = await greeted(scene)
    const { heard } = await sayBesideOther(scene, page)
    await scene.context.route('**/graphql', (route) => (isSend(route) ? route.abort() : route.continue()))
    scene.network.set('open')
    await heard
    await onPage(page).button('Discard').click()
    await onPage(page).log.getByText('Statement 1').waitFor()
    expect(await spoken(page)).toEqual(['Hello', 'Hi.', 'Statement 1'])
  })

  test('can be changed, and taken back, and nothing of it is lost by mistake', async () => {
    await using scene = await openScene({ browser })
    const page = await greeted(scene)
    scene.network.set('gone')
    await onPage(page).say('Tpyo')
    await page.getByText('Not sent yet').waitFor()
    await onPage(page).button('Edit').click()
    const editor = page.getByRole('textbox', { name: 'Edit message' })
    const connected = page.waitForEvent('websocket')
    scene.network.set('open')
    await connected
    await editor.fill('Typo')
    expect(scene.upstream.runs.length).toBe(1)
    await editor.press('Enter')
    expect((await answer(scene, 'Fine')).prompt).toBe('Typo')
    await onPage(page).log.getByText('Fine').waitFor()
    await onPage(page).button('Send').waitFor()

    scene.network.set('gone')
    await onPage(page).say('Never mind')
    await page.getByText('Not sent yet').waitFor()
    await onPage(page).button('Discard').click()
    await onPage(page).log.getByText('Never mind').waitFor({ state: 'detached' })
    await onPage(page).button('Undo').click()
    await onPage(page).log.getByText('Never mind').waitFor()
    scene.network.set('open')
    expect((await answer(scene, 'I do')).prompt).toBe('Never mind')
    await onPage(page).log.getByText('I do').waitFor()
    expect(await spoken(page)).toEqual(['Hello', 'Hi.', 'Typo', 'Fine', 'Never mind', 'I do'])
  })
})

describe('what is said while an answer is being written', () => {
  test('waits for its end, over a reload as well, and can be changed and discarded', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.openTab()
    await onPage(page).say('Begin')
    const run = await scene.upstream.request()
    await run.text('Slowly')
    await onPage(page).log.getByText('Slowly').waitFor()
    for (const text of ['Then', 'Not this', 'Lastly']) await onPage(page).say(text)
    await queued(page).getByText('Lastly').waitFor()
    await untilKept(page, 'Lastly')
    await page.reload()
    await onPage(page).log.getByText('Slowly').waitFor()
    expect(await queued(page).allInnerTexts()).toEqual(['Then', 'Not this', 'Lastly'])
    await queued(page).nth(1).getByRole('button', { name: 'Discard queued message' }).click()
    expect(await onPage(page).field.evaluate((field) => field === document.activeElement)).toBe(true)
    await queued(page).nth(1).getByRole('button', { name: 'Edit queued message' }).click()
    const editor = page.getByRole('textbox', { name: 'Edit message' })
    await editor.fill('Finally')
    await editor.press('Enter')
    expect(scene.upstream.runs.length).toBe(1)
    await run.finish()
    expect((await answer(scene, 'Yes')).prompt).toBe('Then')
    expect((await answer(scene, 'Done')).prompt).toBe('Finally')
    await onPage(page).log.getByText('Done').waitFor()
    expect(await spoken(page)).toEqual(['Begin', 'Slowly', 'Then', 'Yes', 'Finally', 'Done'])
    expect(scene.problems).toEqual([])
  })

  test('waits for the whole answer where that was cut and went on while the page was away', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.openTab()
    await onPage(page).say('Begin')
    await (await scene.upstream.request()).text('Half')
    await onPage(page).log.getByText('Half').waitFor()
    scene.network.set('gone')
    await onPage(page).say('Then')
    await queued(page).getByText('The server cannot be reached').waitFor()
    await scene.stopAndContinue(new URL(page.url()).pathname.split('/').at(-1)!)
    const rest = await scene.upstream.request()
    scene.network.set('open')
    await rest.text('of it')
    await onPage(page).log.getByText('of it').waitFor()
    await queued(page).getByText('Then').waitFor()
    await rest.finish()
    expect((await answer(scene, 'Whole')).prompt).toBe('Then')
    await onPage(page).log.getByText('Whole').waitFor()
    expect(await spoken(page)).toEqual(['Begin', 'Half', 'of it', 'Then', 'Whole'])
    expect(scene.upstream.runs.length).toBe(3)
  })

  test('can be sent at once, which stops the answer', async () => {
    await using scene = await openScene({ browser })
    const page = await scene.openTab()
    await onPage(page).say('Talk for ever')
    const run = await scene.upstream.request()
    await run.text('On and on')
    await onPage(page).log.getByText('On and on').waitFor()
    await onPage(page).say('Enough')
    await onPage(page).button('Stop the answer and send now').click()
    await run.closed
    expect((await answer(scene, 'Sorry')).prompt).toBe('Enough')
    await onPage(page).log.getByText('Sorry').waitFor()
    expect(await spoken(page)).toEqual(['Talk for ever', 'On and on', 'Enough', 'Sorry'])
  })
})

test('what was changed after the server had it is not said twice without asking', async () => {
  await using scene = await openScene({ browser })
  const page = await greeted(scene)
  await scene.context.routeWebSocket(/graphql/, () => {})
  await page.reload()
  await onPage(page).log.getByText('Hi.').waitFor()
  await scene.context.route('**/graphql', async (route) => {
    await route.fetch().catch(() => {})
    await route.abort()
  })
  await onPage(page).say('Tpyo')
  await answer(scene, 'What?')
  await page.getByText('Not sent yet').waitFor()
  await onPage(page).button('Edit').click()
  const editor = page.getByRole('textbox', { name: 'Edit message' })
  await editor.fill('Typo')
  await scene.context.unroute('**/graphql')
  await editor.press('Enter')
  await page.getByText('It had been sent before you changed it').waitFor()
  expect(scene.upstream.runs.length).toBe(2)
  await onPage(page).button('Retry').click()
  expect((await answer(scene, 'I see')).prompt).toBe('Typo')
})

test('what was to be said in a conversation that was deleted elsewhere is still there', async () => {
  await using scene = await openScene({ browser })
  const page = await greeted(scene)
  await onPage(page).say('Wait')
  const run = await scene.upstream.request()
  await run.text('Yes?')
  await onPage(page).log.getByText('Yes?').waitFor()
  await onPage(page).say('Precious words')
  await queued(page).getByText('Precious words').waitFor()
  await scene.remove(new URL(page.url()).pathname.split('/').at(-1)!)
  await page.getByRole('heading', { name: 'This conversation does not exist' }).waitFor()
  await queued(page).getByText('Precious words').waitFor()
  const row = onPage(page).sidebar.getByRole('link', { name: 'Precious words' })
  await row.waitFor()
  await page.goto(scene.url)
  await row.click()
  await queued(page).getByText('Precious words').waitFor()
})

describe('what the server refuses', () => {
  const settings = { PARLEY_LIMIT_MESSAGE_LENGTH: '20' }

  test('stays with its reason, leaves no empty conversation, and can be put right', async () => {
    await using scene = await openScene({ browser, settings })
    const page = await scene.openTab()
    await onPage(page).say('This is much too long for it')
    await onPage(page).log.getByText('Not sent', { exact: true }).waitFor()
    await page.getByText('Cannot take text').waitFor()
    await onPage(page).sidebar.getByText('New conversation').waitFor({ state: 'detached' })
    await page.reload()
    await onPage(page).log.getByText('This is much too long for it').waitFor()
    const row = onPage(page).sidebar.getByRole('link', { name: 'This is much too long for it' })
    await row.waitFor()
    await onPage(page).sidebar.getByRole('link', { name: 'New chat' }).click()
    await row.click()
    await onPage(page).button('Edit').click()
    const editor = page.getByRole('textbox', { name: 'Edit message' })
    await editor.fill('This is short')
    await editor.press('Enter')
    expect((await answer(scene, 'So is this')).prompt).toBe('This is short')
    await onPage(page).log.getByText('So is this').waitFor()
    expect(await onPage(page).sidebar.getByRole('listitem').count()).toBe(1)
  })

  test('and is discarded is gone with the conversation that it began, but for an undo', async () => {
    await using scene = await openScene({ browser, settings })
    const page = await scene.openTab()
    await onPage(page).say('This is much too long for it')
    await onPage(page).button('Discard').click()
    await page.getByRole('heading', { name: 'What would you like to talk about?' }).waitFor()
    expect(new URL(page.url()).pathname).toBe('/')
    await onPage(page).button('Undo').click()
    await onPage(page).log.getByText('This is much too long for it').waitFor()
    await onPage(page).log.getByText('Not sent', { exact: true }).waitFor()
  })
})
