import { Select } from '@base-ui/react/select'
import { Icon } from '../ui/icons.tsx'
import { ModelName } from './model-name.tsx'
import type { Model } from './models.ts'

type Props = { models: readonly Model[]; selected: Model | null; onSelect(model: Model): void }

export function ModelSelect({ models, selected, onSelect }: Props) {
  if (!selected) return <span className="h-8" />
  return (
    <Select.Root
      value={selected.id}
      items={models.map(({ id, displayName }) => ({ value: id, label: displayName }))}
      onValueChange={(id) => {
        const model = models.find((each) => each.id === id)
        if (model) onSelect(model)
      }}
    >
      <Select.Trigger
        aria-label="Model"
        className="flex h-8 min-w-0 items-center gap-1.5 rounded-lg px-2.5 text-muted text-sm transition-colors hover:bg-hover hover:text-ink data-popup-open:bg-hover pointer-coarse:h-11"
      >
        <Select.Value className="flex min-w-0">{() => <ModelName model={selected} />}</Select.Value>
        <Icon name="down" className="size-4" />
      </Select.Trigger>
      <Select.Portal>
        <Select.Positioner
          side="top"
          align="start"
          sideOffset={6}
          alignItemWithTrigger={false}
          className="z-40"
        >
          <Select.Popup className="max-h-[min(24rem,var(--available-height))] min-w-56 max-w-[calc(100vw-2rem)] overflow-y-auto rounded-xl border border-line bg-raised p-1 shadow-float outline-none">
            {models.map((model) => (
              <Select.Item
                key={model.id}
                value={model.id}
                className="flex min-h-9 select-none items-center gap-2 rounded-lg py-1.5 ps-2.5 pe-3 text-sm outline-none data-highlighted:bg-hover pointer-coarse:min-h-11"
              >
                <span className="flex w-4">
                  <Select.ItemIndicator>
                    <Icon name="check" className="size-4" />
                  </Select.ItemIndicator>
                </span>
                <Select.ItemText className="flex min-w-0">
                  <ModelName model={model} />
                </Select.ItemText>
              </Select.Item>
            ))}
          </Select.Popup>
        </Select.Positioner>
      </Select.Portal>
    </Select.Root>
  )
}
