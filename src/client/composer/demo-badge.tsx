/** Stands wherever the demo model does, so that nobody takes its answers for a model's. */
export function DemoBadge() {
  return (
    <span className="shrink-0 rounded-md border border-warning/40 bg-warning-soft px-1.5 font-medium text-warning text-xs leading-5">
      Demo
    </span>
  )
}
