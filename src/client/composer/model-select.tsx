import { Combobox } from '@base-ui/react/combobox'
import { useMemo } from 'react'
import { Icon } from '../ui/icons.tsx'
import { ModelName } from './model-name.tsx'
import type { Model, Models } from './models.ts'

type Props = { models: Models; selected: Model | null; onSelect(model: Model): void }

/** Models of one provider; `value` is its id. */
type Group = { readonly value: string; readonly items: readonly Model[] }

/** What answers: the models of each provider, found by typing, with what they cost. */
export function ModelSelect({ models, selected, onSelect }: Props) {
  const groups = useMemo(() => byProvider(models.list), [models.list])
  if (!selected) return <span className="h-8" />
  return (
    <Combobox.Root
      items={groups}
      value={selected}
      onValueChange={(model) => model && onSelect(model)}
      itemToStringLabel={wordsOf}
      isItemEqualToValue={(one, other) => one.id === other.id}
      autoHighlight
    >
      <Combobox.Trigger
        aria-label="Model"
        className="flex h-8 min-w-0 items-center gap-1.5 rounded-lg px-2.5 text-muted text-sm transition-colors hover:bg-hover hover:text-ink data-popup-open:bg-hover pointer-coarse:h-11"
      >
        <ModelName model={selected} />
        <Icon name="down" className="size-4" />
      </Combobox.Trigger>
      <Combobox.Portal>
        <Combobox.Positioner side="top" align="start" sideOffset={6} className="z-40">
          <Combobox.Popup className="flex max-h-[min(26rem,var(--available-height))] w-80 max-w-[calc(100vw-2rem)] flex-col overflow-hidden rounded-xl border border-line bg-raised shadow-float outline-none">
            <Combobox.Input
              aria-label="Find a model"
              placeholder="Find a model"
              className="h-10 w-full shrink-0 border-line border-b bg-transparent px-3.5 text-sm outline-none placeholder:text-muted"
            />
            <Combobox.Empty className="px-3.5 text-muted text-sm not-empty:py-3">
              No model is called that.
            </Combobox.Empty>
            <Combobox.List className="overflow-y-auto p-1 empty:p-0">
              {(group: Group) => <ProviderModels key={group.value} group={group} />}
            </Combobox.List>
            {models.problems.map((problem) => (
              <p key={problem} className="border-line border-t px-3.5 py-2 text-warning text-xs">
                {problem}
              </p>
            ))}
          </Combobox.Popup>
        </Combobox.Positioner>
      </Combobox.Portal>
    </Combobox.Root>
  )
}

function ProviderModels({ group }: { group: Group }) {
  const { displayName, problem } = group.items[0]!.provider
  return (
    <Combobox.Group items={group.items}>
      <Combobox.GroupLabel className="px-2.5 pt-2 pb-1 font-medium text-muted text-xs">
        {displayName}
        {problem && <span className="block font-normal text-warning">{problem}</span>}
      </Combobox.GroupLabel>
      <Combobox.Collection>
        {(model: Model) => <ModelItem key={model.id} model={model} />}
      </Combobox.Collection>
    </Combobox.Group>
  )
}

function ModelItem({ model }: { model: Model }) {
  return (
    <Combobox.Item
      value={model}
      className="flex min-h-9 select-none items-center gap-2 rounded-lg py-1.5 ps-2.5 pe-3 text-sm outline-none data-highlighted:bg-hover pointer-coarse:min-h-11"
    >
      <span className="flex w-4 shrink-0">
        <Combobox.ItemIndicator>
          <Icon name="check" className="size-4" />
        </Combobox.ItemIndicator>
      </span>
      <ModelName model={model} />
      <span
        className="ms-auto shrink-0 ps-2 text-muted text-xs"
        title="US dollars for a million tokens read and written"
      >
        {model.lifecycle === 'DEPRECATED' ? 'ends soon' : priceOf(model)}
      </span>
    </Combobox.Item>
  )
}

function byProvider(models: readonly Model[]): Group[] {
  const groups = Map.groupBy(models, ({ provider }) => provider.id)
  return [...groups].map(([value, items]) => ({ value, items }))
}

/** What a model is found by. */
function wordsOf({ displayName, name, provider }: Model): string {
  return `${displayName} ${name} ${provider.displayName}`
}

function priceOf({ inputPricePerMTok: input, outputPricePerMTok: output }: Model): string {
  if (input === null || output === null) return ''
  return Number(input) === 0 && Number(output) === 0 ? 'free' : `$${input} / $${output}`
}
