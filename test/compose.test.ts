import { expect, test } from 'vitest'
import { parseConfig, settingsMarkdown } from '../src/server/config.ts'
import { readDocument } from './support/document.ts'

const compose = readDocument('docs/compose/compose.yml').text
const ofParley = compose.slice(compose.indexOf('x-parley:'), compose.indexOf('services:'))

test('the compose file sets what there is to set', () => {
  const names = [...ofParley.matchAll(/^ {4}([A-Z_]+):/gm)].map(([, name]) => name!)
  expect(names.length).toBeGreaterThan(5)
  for (const name of names) expect(settingsMarkdown()).toContain(`| \`${name}\` |`)
})

test('the compose file leaves a stop its time', () => {
  const secondsAt = (name: string) => Number(new RegExp(`^ *${name}: (\\d+)s$`, 'm').exec(ofParley)?.[1])
  const { timers } = parseConfig({}, {})
  const longest = secondsAt('PARLEY_GRACE') + timers.stop / 1_000
  expect(secondsAt('stop_grace_period')).toBeGreaterThan(longest)
})
