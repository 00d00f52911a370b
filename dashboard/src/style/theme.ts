import { effect, signal } from '@preact/signals'

export type Theme = 'auto' | 'light' | 'dark'
export const THEMES: readonly Theme[] = ['auto', 'light', 'dark']

const YEAR_SECONDS = 31_536_000

function chosen(): Theme {
  const { theme } = document.documentElement.dataset
  return theme === 'light' || theme === 'dark' ? theme : 'auto'
}

/** Light, dark, or as the system says. The server sets the choice on the page, so that the first paint is right. */
export const theme = signal<Theme>('auto')

/** What is seen: the choice, or the system's. */
export const isDark = signal(false)

export function startTheme(): void {
  theme.value = chosen()
  const system = matchMedia('(prefers-color-scheme: dark)')
  const look = (): void => {
    isDark.value = theme.value === 'dark' || (theme.value === 'auto' && system.matches)
  }
  system.addEventListener('change', look)
  effect(() => {
    if (theme.value === 'auto') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme.value
    look()
  })
}

export function chooseTheme(next: Theme): void {
  theme.value = next
  document.cookie = `holdfast-theme=${next}; path=/; samesite=strict; max-age=${next === 'auto' ? 0 : YEAR_SECONDS}`
}
