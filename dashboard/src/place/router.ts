import { computed, signal } from '@preact/signals'

/** Where the person is: the path below the base address, and what stands behind the question mark. */
interface Place {
  readonly path: string
  readonly query: URLSearchParams
}

const basePath = (): string => new URL(document.baseURI).pathname

function readPlace(): Place {
  const { pathname, search } = window.location
  return { path: pathname.slice(basePath().length), query: new URLSearchParams(search) }
}

const place = signal<Place>({ path: '', query: new URLSearchParams() })

/** The path below the base address: '' is the first page. */
export const path = computed(() => place.value.path)
export const query = computed(() => place.value.query)

/** The address of a path below the base, with a query. */
export function addressOf(to: string, parameters: Readonly<Record<string, string | undefined>> = {}): string {
  const search = new URLSearchParams(
    Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined),
  ).toString()
  return `${basePath()}${to}${search === '' ? '' : `?${search}`}`
}

/** Goes to an address of {@link addressOf}. */
export function go(address: string, how: 'push' | 'replace' = 'push'): void {
  window.history[how === 'push' ? 'pushState' : 'replaceState'](null, '', address)
  const before = place.peek().path
  place.value = readPlace()
  if (before !== place.peek().path) window.scrollTo(0, 0)
}

/** Sets or removes parts of the query; everything on the screen has its address. */
export function setQuery(
  changes: Readonly<Record<string, string | undefined>>,
  how: 'push' | 'replace' = 'push',
): void {
  const now = place.peek()
  go(addressOf(now.path, { ...Object.fromEntries(now.query), ...changes }), how)
}

const SIGN_IN_PATH = 'sign-in'

/**
 * The secret of the sign-in link that led here, taken out of the address: neither the history nor a copied address keeps it. Behind the #
 * it was never sent anywhere.
 */
export function takeLinkSecret(): string | undefined {
  const token = /^#token=([\w-]+)$/.exec(window.location.hash)?.[1]
  if (token !== undefined) window.history.replaceState(null, '', addressOf(''))
  return token
}

const PLACE_KEY = 'holdfast.place'

/** Whoever has to sign in first comes back to where they wanted to go, in this tab. */
export function rememberPlace(): void {
  const now = place.peek()
  if (now.path === SIGN_IN_PATH || (now.path === '' && now.query.size === 0)) return
  sessionStorage.setItem(PLACE_KEY, addressOf(now.path, Object.fromEntries(now.query)))
}

/** Goes to the place that was remembered. */
export function returnToPlace(): void {
  const remembered = sessionStorage.getItem(PLACE_KEY)
  sessionStorage.removeItem(PLACE_KEY)
  if (place.peek().path === SIGN_IN_PATH) go(addressOf(''), 'replace')
  if (remembered?.startsWith(basePath()) && place.peek().path === '') go(remembered, 'replace')
}

/** From here on addresses of this console are followed without a request. */
export function startRouter(): void {
  place.value = readPlace()
  window.addEventListener('popstate', () => {
    place.value = readPlace()
  })
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (!link || event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    if (link.target !== '' || link.hasAttribute('download') || link.hasAttribute('data-native')) return
    if (link.origin !== window.location.origin || !link.pathname.startsWith(basePath())) return
    if (link.hash !== '') return
    event.preventDefault()
    go(`${link.pathname}${link.search}`)
  })
}
