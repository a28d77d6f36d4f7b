import { Icon } from '../ui/icons.tsx'

/** What the model thought before it answered: folded away, also while it is being written. */
export function Reasoning({ text, live }: { text: string; live: boolean }) {
  return (
    <details className="group/reasoning mb-3 text-muted">
      <summary className="flex w-fit cursor-pointer list-none items-center gap-1.5 rounded-md text-sm hover:text-ink">
        <span className={live ? 'animate-breathe' : ''}>{live ? 'Thinking' : 'Thoughts'}</span>
        <Icon name="right" className="size-4 transition-transform group-open/reasoning:rotate-90" />
      </summary>
      <div
        dir="auto"
        className="mt-2 whitespace-pre-wrap border-line-strong border-s-2 ps-4 text-[0.9375rem] leading-relaxed [overflow-wrap:anywhere]"
      >
        {text}
      </div>
    </details>
  )
}
