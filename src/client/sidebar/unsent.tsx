import { useStore } from '../external-store.ts'
import type { OutboxItem } from '../outbox/outbox-state.ts'
import { isNewPlace } from '../outbox/place.ts'
import { usePage } from '../page.tsx'
import { useRoute } from '../router.ts'
import { PlaceLink } from './place-link.tsx'

/** Conversations that the list cannot show, as the server does not have them, with what was to be said in them. */
export function Unsent({ onPick }: { onPick(): void }) {
  const { outbox } = usePage()
  const { place } = useRoute()
  const stuck = firstOfEach(useStore(outbox.state).items.filter(isStuck))
  if (stuck.length === 0) return null
  return (
    <section aria-label="Not sent" className="pt-3">
      <h2 className="px-2.5 pb-1 font-medium text-warning text-xs">Not sent</h2>
      <ul>
        {stuck.map((item) => (
          <li
            key={item.place}
            className={`rounded-lg ${item.place === place ? 'bg-hover' : 'hover:bg-hover/60'}`}
          >
            <PlaceLink
              place={item.place}
              current={item.place === place}
              onPick={onPick}
              className="flex h-9 items-center rounded-lg px-2.5 text-sm pointer-coarse:h-11"
            >
              <span dir="auto" className="truncate">
                {item.text}
              </span>
            </PlaceLink>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Not for the moment that sending takes. */
function isStuck({ place, problem }: OutboxItem): boolean {
  return problem !== null && (isNewPlace(place) || problem.code === 'NOT_FOUND')
}

function firstOfEach(items: readonly OutboxItem[]): OutboxItem[] {
  return items.filter((item, index) => items.findIndex(({ place }) => place === item.place) === index)
}
