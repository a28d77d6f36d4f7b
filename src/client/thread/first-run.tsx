import { Mark } from '../ui/icons.tsx'

const suggestions = [
  {
    title: 'Explain an idea',
    text: 'Explain how TCP keeps a stream of bytes in order, to somebody new to networks.',
  },
  {
    title: 'Write some code',
    text: 'Write a Python script that finds duplicate files in a folder, with comments.',
  },
  { title: 'Compare options', text: 'Compare three ways to back up a laptop. Use a table.' },
  { title: 'Make a plan', text: 'Plan a week of simple dinners for two, with a shopping list.' },
]

/** What somebody sees who has not said anything yet. */
export function FirstRun({ onPick }: { onPick(text: string): void }) {
  return (
    <div className="flex min-h-0 flex-auto flex-col overflow-y-auto">
      <div className="mx-auto my-auto w-full max-w-184 animate-appear px-3 pt-4 pb-5 sm:mb-0 sm:px-4">
        <Mark className="size-9" />
        <h2 className="mt-4 text-balance font-semibold text-2xl tracking-tight">
          What would you like to talk about?
        </h2>
        <ul className="mt-5 grid gap-2 sm:grid-cols-2">
          {suggestions.map(({ title, text }) => (
            <li key={title}>
              <button
                type="button"
                onClick={() => onPick(text)}
                className="h-full w-full rounded-2xl border border-line px-4 py-3 text-start transition-colors hover:border-line-strong hover:bg-hover/60"
              >
                <span className="block font-medium text-sm">{title}</span>
                <span className="mt-0.5 block text-muted text-sm leading-snug">{text}</span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </div>
  )
}
