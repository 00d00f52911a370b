/**
 * This page's half of the session. It is kept where only pages of the same address, port and all, get at it: a cookie is also sent to
 * whatever else listens on the same machine. All tabs share it.
 */
const place = (): string => `holdfast.key ${new URL(document.baseURI).pathname}`

/** Where the browser keeps nothing for us, it lasts as long as the page. */
let ofThisPage: string | null = null

export function readKey(): string | null {
  try {
    return window.localStorage.getItem(place())
  } catch {
    return ofThisPage
  }
}

export function keepKey(key: string): void {
  ofThisPage = key
  try {
    window.localStorage.setItem(place(), key)
  } catch {
    // Kept by this page alone.
  }
}

/** Calls when another tab has signed in or out: this one's requests go with that key from then on. Only the latest listener counts. */
export function whenKeyChanges(listener: () => void): void {
  window.onstorage = ({ key }) => {
    if (key === place() || key === null) listener()
  }
}

/** Forgets a key that is no good any more, and none that another tab has put in its place. */
export function forgetKey(key: string | null): void {
  if (readKey() !== key) return
  ofThisPage = null
  try {
    window.localStorage.removeItem(place())
  } catch {
    // It was never there.
  }
}
