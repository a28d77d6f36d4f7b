import { useStore } from '../external-store.ts'
import { Icon, type IconName } from '../ui/icons.tsx'
import { chooseTheme, type Theme, theme } from '../ui/theme.ts'

const choices: readonly { value: Theme; label: string; icon: IconName }[] = [
  { value: 'system', label: 'Theme of the system', icon: 'screen' },
  { value: 'light', label: 'Light theme', icon: 'sun' },
  { value: 'dark', label: 'Dark theme', icon: 'moon' },
]

export function ThemeSwitch() {
  const chosen = useStore(theme)
  return (
    <fieldset className="flex rounded-lg border border-line p-0.5">
      <legend className="sr-only">Theme</legend>
      {choices.map(({ value, label, icon }) => (
        <label
          key={value}
          title={label}
          className="flex h-7 w-8 cursor-pointer items-center justify-center rounded-md text-muted hover:text-ink has-checked:bg-raised has-checked:text-ink has-checked:shadow-sm has-focus-visible:outline-2 has-focus-visible:outline-accent pointer-coarse:h-10 pointer-coarse:w-10"
        >
          <input
            type="radio"
            name="theme"
            aria-label={label}
            checked={chosen === value}
            onChange={() => chooseTheme(value)}
            className="sr-only"
          />
          <Icon name={icon} className="size-4" />
        </label>
      ))}
    </fieldset>
  )
}
