/** What the demo model answers to a message: Markdown with everything that a page has to be able to show. */
export function demoAnswer(message: string): string {
  return `# Demo answer

This is the **demo model**: no language model is connected, so nobody has thought about your message
(${quote(message)}). What follows is always the same. It shows how an answer streams in and what it can look like.

## Code

TypeScript, with one line that is wider than a phone:

\`\`\`ts
type Point = { readonly x: number; readonly y: number }

export const distance = (from: Point, to: Point): number => Math.sqrt((to.x - from.x) ** 2 + (to.y - from.y) ** 2) // Euclid
\`\`\`

And the same in Python:

\`\`\`python
from math import hypot

def distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    """The length of the straight line from a to b."""
    return hypot(b[0] - a[0], b[1] - a[1])
\`\`\`

## A table

| Planet  | Kind      | Diameter (km) | Moons | Length of a day | Mean temperature | Named after                  |
| ------- | --------- | ------------: | ----: | --------------- | ---------------: | ---------------------------- |
| Mercury | rocky     |         4,879 |     0 | 4,222.6 hours   |           167 °C | the messenger of the gods    |
| Earth   | rocky     |        12,756 |     1 | 24 hours        |            15 °C | the ground under our feet    |
| Neptune | ice giant |        49,528 |    16 | 16.1 hours      |          −200 °C | the god of the sea           |

## Scripts and emoji

- 中文：你好，世界。日本語：こんにちは、世界。한국어: 안녕하세요.
- العربية: مرحبا بالعالم، و עברית: שלום עולם.
- Emoji: 🙂 👍🏽 🇯🇵 and joined ones: 👩‍👩‍👧‍👦 👨🏾‍💻 🏳️‍🌈 ❤️‍🔥

> Everything you have read so far was saved before it was shown. Reload the page in the middle of an answer: it goes on
> where it was.

## Connect Claude

1. Get an API key at <https://platform.claude.com>.
2. Set \`ANTHROPIC_API_KEY\` to it in the environment of the server, and start Parley again.
3. Choose a model in the picker, and ask again.
`
}

const quotedLength = 80
/** UTF-16 units that are looked at: enough for the longest emoji, and little of a long message. */
const examinedLength = 20 * quotedLength
/** White space, control characters, halves of a pair, and what would turn the direction of the writing. */
const unquotable = /[\s\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]+/gu

/** The beginning of a message as inline text: no Markdown of it takes effect, nor does its direction of writing. */
function quote(message: string): string {
  const line = message.slice(0, examinedLength).replaceAll(unquotable, ' ').trim()
  const characters = Array.from(new Intl.Segmenter().segment(line), ({ segment }) => segment)
  const isCut = characters.length > quotedLength || message.length > examinedLength
  const shown = characters.slice(0, quotedLength).join('') + (isCut ? '…' : '')
  return `“\u2068${shown.replaceAll(/[!-/:-@[-`{-~]/g, String.raw`\$&`)}\u2069”`
}
