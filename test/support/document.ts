import { readFileSync } from 'node:fs'

/** A document of this repository, as tests read what it says. */
export type Document = {
  readonly text: string
  /** What stands between a heading of this title and the next one of its level or above. */
  section(title: string): Document
  /** Fenced blocks of a language, in order. */
  code(language: string): string[]
  /** Rows of the tables, without their heads, as plain text: backquotes are gone. */
  rows(): string[][]
}

export function readDocument(path: string): Document {
  return documentOf(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'), path)
}

function documentOf(text: string, name: string): Document {
  return {
    text,
    section(title) {
      const headings = headingsOf(text)
      const start = headings.find((heading) => heading.title === title)
      if (!start) throw new Error(`${name} has no section "${title}"`)
      const end = headings.find(({ at, level }) => at > start.at && level <= start.level)
      return documentOf(text.slice(start.at, end?.at), `${name}, "${title}"`)
    },
    code(language) {
      return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
        .filter((block) => block[1] === language)
        .map((block) => block[2]!)
    },
    rows() {
      const rows = text.split('\n').filter((line) => line.startsWith('| '))
      return rows.filter((row, at) => !isHead(row, rows[at + 1]) && !isRule(row)).map(cellsOf)
    },
  }
}

/** Not those lines of code that only look like one. */
function headingsOf(text: string): { title: string; level: number; at: number }[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, (block) => ' '.repeat(block.length))
  return [...prose.matchAll(/^(#+) (.*)$/gm)].map((heading) => ({
    title: heading[2]!,
    level: heading[1]!.length,
    at: heading.index,
  }))
}

function isRule(row: string): boolean {
  return /^\| *-/.test(row)
}

function isHead(_row: string, next: string | undefined): boolean {
  return next !== undefined && isRule(next)
}

function cellsOf(row: string): string[] {
  return row
    .slice(1, row.lastIndexOf('|'))
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('`', '').replaceAll('\\|', '|'))
}
