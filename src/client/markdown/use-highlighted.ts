import { useEffect, useState } from 'react'
import type { Highlighted, Line } from './highlighter.ts'
import { findLanguage } from './languages.ts'

type Highlight = (code: string, held: Highlighted | null) => Highlighted

/** Shiki and its themes arrive with the first block of code, grammars with the first of their language. */
async function loadHighlight(name: string): Promise<Highlight | null> {
  const language = findLanguage(name)
  if (language === null) return null
  const { loadHighlighter } = await import('./highlighter.ts')
  return loadHighlighter(language)
}

/** Coloured lines of a block that may still be growing; null until there are any, or when nothing colours it. */
export function useHighlighted(code: string, language: string): readonly Line[] | null {
  const [highlight, setHighlight] = useState<{ run: Highlight } | null>(null)
  const [held, setHeld] = useState<Highlighted | null>(null)
  useEffect(() => {
    let current = true
    setHighlight(null)
    setHeld(null)
    // Without its colours, as when the network is gone, code is still code.
    loadHighlight(language).then(
      (run) => current && run && setHighlight({ run }),
      () => {},
    )
    return () => {
      current = false
    }
  }, [language])
  if (!highlight) return null
  if (held?.code === code) return held.lines
  const next = highlight.run(code, held)
  setHeld(next)
  return next.lines
}
