import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { session, signOut } from '../api/session.ts'
import { type Page, type PageGroup, PAGES } from '../pages/index.ts'
import { addressOf, path } from '../place/router.ts'
import { rangeQuery } from '../place/time-range.ts'
import { Choice } from '../parts/choice.tsx'
import { chooseTheme, theme } from '../style/theme.ts'

const GROUPS: readonly PageGroup[] = ['Now', 'Schema', 'Data safety', 'People']
const THEME_CHOICES = [
  { id: 'auto', label: 'Auto' },
  { id: 'light', label: 'Light' },
  { id: 'dark', label: 'Dark' },
] as const

/** The page that the address names. */
export const pageAt = (at: string): Page | undefined => PAGES.find((page) => page.path === at.split('/')[0])

/** The pages, by what a person is doing. */
export function Rail({ onKeys }: { readonly onKeys: () => void }) {
  const here = pageAt(path.value)
  const who = session.value
  const failure = useSignal<string | undefined>(undefined)
  const rail = useRef<HTMLElement>(null)
  // On a narrow window it is a row of which a part is seen: the part with this page.
  useLayoutEffect(() => {
    rail.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [here])
  return (
    <nav ref={rail} class="rail" aria-label="Main">
      <a class="brand" href={addressOf('')}>
        <Mark />
        Holdfast
      </a>
      {GROUPS.map((group) => {
        const pages = PAGES.filter((page) => page.group === group)
        if (pages.length === 0) return null
        return (
          <div key={group} class="group" role="group" aria-label={group}>
            <p>{group}</p>
            {pages.map((page) => (
              <a
                key={page.path}
                href={addressOf(page.path, rangeQuery())}
                aria-current={page === here ? 'page' : undefined}
                aria-keyshortcuts={`g ${page.key}`}
              >
                {page.title}
              </a>
            ))}
          </div>
        )
      })}
      <div class="group last">
        <a href={addressOf('docs')} data-native>
          API reference
        </a>
        <button type="button" onClick={onKeys} aria-keyshortcuts="?">
          Keys <kbd>?</kbd>
        </button>
        <button
          type="button"
          onClick={() => void signOut().then((error) => (failure.value = error?.message))}
          disabled={typeof who === 'string'}
        >
          {failure.value === undefined ? 'Sign out' : 'Not signed out'}{' '}
          <em>{typeof who === 'string' ? '' : who.role}</em>
        </button>
        <Choice label="Theme" options={THEME_CHOICES} chosen={theme.value} choose={chooseTheme} />
      </div>
    </nav>
  )
}

function Mark() {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <path d="M12 2v10M12 12c-3.2 0-5.6 2-6.8 6M12 12c3.2 0 5.6 2 6.8 6M12 12v10M9 14c-1.2 2.4-1.2 5-.2 8M15 14c1.2 2.4 1.2 5 .2 8" />
    </svg>
  )
}
