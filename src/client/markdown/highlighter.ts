import { createHighlighterCore, type GrammarState } from 'shiki/core'
import { createJavaScriptRegexEngine } from 'shiki/engine/javascript'
import githubDark from 'shiki/themes/github-dark-default.mjs'
import githubLight from 'shiki/themes/github-light-default.mjs'
import { grammars, type Language } from './languages.ts'

/** A piece of a line with its colours for both themes. */
export type Token = { readonly text: string; readonly style: Readonly<Record<string, string>> }
export type Line = readonly Token[]

/** Code and its colours; `state` is the grammar's at the end of the whole lines, of which there are `done`. */
export type Highlighted = {
  readonly code: string
  readonly lines: readonly Line[]
  readonly done: number
  readonly state: GrammarState | undefined
}

// The engine in JavaScript: Oniguruma would need a policy that lets the page compile WebAssembly.
const ready = createHighlighterCore({
  engine: createJavaScriptRegexEngine({ forgiving: true }),
  themes: [githubLight, githubDark],
})

/** Loads a grammar and gives what colours code with it: the rest of `held` when the code goes on from there. */
export async function loadHighlighter(
  language: Language,
): Promise<(code: string, held: Highlighted | null) => Highlighted> {
  const shiki = await ready
  await shiki.loadLanguage(grammars[language])
  const tokenize = (code: string, state: GrammarState | undefined) =>
    shiki.codeToTokens(code, {
      lang: language,
      themes: { light: 'github-light-default', dark: 'github-dark-default' },
      defaultColor: 'light-dark()',
      // Comments in the light theme are too pale to be read on the page's colour for code.
      colorReplacements: { '#6e7781': '#5f6871' },
      ...(state && { grammarState: state }),
    })
  return (code, held) => {
    const base = held && code.startsWith(held.code.slice(0, held.done)) ? held : null
    const start = base?.done ?? 0
    const end = code.lastIndexOf('\n') + 1
    const whole = end > start ? tokenize(code.slice(start, end - 1), base?.state) : null
    const state = whole ? whole.grammarState : base?.state
    const last = tokenize(code.slice(end), state)
    const kept = base ? base.lines.slice(0, -1) : []
    return {
      code,
      done: end,
      state,
      lines: [...kept, ...(whole ? whole.tokens.map(toLine) : []), ...last.tokens.map(toLine)],
    }
  }
}

function toLine(tokens: readonly { content: string; htmlStyle?: Record<string, string> }[]): Line {
  return tokens.map(({ content, htmlStyle }) => ({ text: content, style: htmlStyle ?? {} }))
}
