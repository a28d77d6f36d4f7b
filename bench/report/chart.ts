import { median } from '../measure/stats.ts'
import type { Figure, Figures } from '../scenarios/scenario.ts'
import { showNumber } from './table.ts'

/** What the chart shows, one panel below the other. */
const panels = [
  { figure: 'cpu', title: 'Processor time per token, µs (less is better)', ascending: true },
  { figure: 'capacity', title: 'Most answers at once (more is better)', ascending: false },
  { figure: 'watched', title: 'Processor time per token and watcher, µs (less is better)', ascending: true },
] as const

const labels: Readonly<Record<string, string>> = {
  'raw-ws': 'raw ws + SDK',
  yoga: 'GraphQL Yoga',
  mercurius: 'Mercurius',
  apollo: 'Apollo Server',
  'ai-sdk': 'Vercel AI SDK',
  'parley-pglite': 'Parley (embedded)',
  'parley-postgres': 'Parley (Postgres)',
}

const [width, labelWidth, valueWidth, barHeight, gap, titleHeight] = [720, 150, 60, 18, 6, 34]

/** Bars of the medians, in colors that are read on light and on dark. */
export function drawChart(figures: Figures): string {
  const drawn: string[] = []
  let top = 0
  for (const { figure, title, ascending } of panels) {
    const measured = figures[figure]
    if (!measured) continue
    const bars = barsOf(measured, ascending)
    drawn.push(drawPanel(title, bars, top))
    top += titleHeight + bars.length * (barHeight + gap) + 12
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top}" width="${width}" height="${top}" role="img" aria-label="Parley beside other servers">
<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .peer { fill: #8c959f }
  .parley { fill: #0969da }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .peer { fill: #6e7681 } .parley { fill: #4493f8 } }
</style>
${drawn.join('\n')}
</svg>
`
}

type Bar = { readonly name: string; readonly value: number }

function barsOf({ values }: Figure, ascending: boolean): Bar[] {
  return Object.entries(values)
    .map(([name, rounds]) => ({ name, value: median(rounds) }))
    .toSorted((one, other) => (ascending ? one.value - other.value : other.value - one.value))
}

function drawPanel(title: string, bars: readonly Bar[], top: number): string {
  const longest = Math.max(...bars.map(({ value }) => value))
  const scale = (width - labelWidth - valueWidth) / longest
  const lines = bars.map(({ name, value }, index) => {
    const y = top + titleHeight + index * (barHeight + gap)
    const length = Math.max(1, value * scale).toFixed(1)
    const middle = y + barHeight - 5
    return `<text x="${labelWidth - 8}" y="${middle}" text-anchor="end">${labels[name] ?? name}</text>
<rect x="${labelWidth}" y="${y}" width="${length}" height="${barHeight}" rx="2" class="${name.startsWith('parley') ? 'parley' : 'peer'}"/>
<text x="${(labelWidth + Number(length) + 6).toFixed(1)}" y="${middle}">${showNumber(value)}</text>`
  })
  return [`<text x="0" y="${top + 20}" class="title">${title}</text>`, ...lines].join('\n')
}
