import { createStore } from '../external-store.ts'
import { readStored, store } from '../storage.ts'

export type Theme = 'system' | 'light' | 'dark'

const key = 'parley:theme'
const stored = readStored(key)

/** What the viewer chose; public/theme.js applies it before the first paint. */
export const theme = createStore<Theme>(stored === 'light' || stored === 'dark' ? stored : 'system')

export function chooseTheme(chosen: Theme): void {
  theme.set(chosen)
  store(key, chosen === 'system' ? null : chosen)
  if (chosen === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = chosen
}
