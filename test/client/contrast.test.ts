import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'

const styles = readFileSync(resolve(import.meta.dirname, '../../src/client/styles.css'), 'utf8')
const colors = new Map(
  Array.from(styles.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g), ([, name, light, dark]) => [
    name!,
    { light: light!, dark: dark! },
  ]),
)

/** What is written on what. */
const pairs: readonly [text: string, ground: string][] = [
  ...['canvas', 'panel', 'raised', 'bubble', 'hover', 'code'].flatMap((ground): [string, string][] => [
    ['ink', ground],
    ['muted', ground],
  ]),
  ['accent', 'canvas'],
  ['on-accent', 'accent'],
  ['danger', 'raised'],
  ['danger', 'danger-soft'],
  ['ink', 'danger-soft'],
  ['canvas', 'danger'],
  ['warning', 'warning-soft'],
  ['ink', 'warning-soft'],
  ['canvas', 'ink'],
]

test.each(pairs)('%s on %s is readable in both themes: 4.5 to 1 at least', (text, ground) => {
  for (const theme of ['light', 'dark'] as const) {
    expect(contrast(colors.get(text)![theme], colors.get(ground)![theme]), theme).toBeGreaterThanOrEqual(4.5)
  }
})

/** WCAG 2.2, "contrast ratio". */
function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (high! + 0.05) / (low! + 0.05)
}

function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const part = Number.parseInt(color.slice(start, start + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}
