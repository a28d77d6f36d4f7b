import { isDemo } from './models.ts'

type Named = { readonly displayName: string; readonly provider: { readonly name: string } }

/** A model's name; the demo model's stands out, so that nobody takes its answers for a model's. */
export function ModelName({ model }: { model: Named }) {
  if (!isDemo(model)) return <span className="truncate">{model.displayName}</span>
  return (
    <span className="truncate rounded-md border border-warning/40 bg-warning-soft px-1.5 font-medium text-warning text-xs leading-5">
      {model.displayName}
    </span>
  )
}
