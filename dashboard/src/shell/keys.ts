import { PAGES } from '../pages/index.ts'
import { addressOf, go } from '../place/router.ts'
import { rangeQuery } from '../place/time-range.ts'

/** What keys do beyond what the parts themselves know. */
export interface KeyActions {
  readonly find: () => void
  readonly help: () => void
}

const SEQUENCE_MS = 1_500

/** Whether keys are being typed into something. */
function isTyping(event: KeyboardEvent): boolean {
  const { target } = event
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName)) &&
    target.getAttribute('type') !== 'checkbox'
  )
}

/** Listens to the keys of the whole page; returns what ends that. */
export function listenToKeys({ find, help }: KeyActions): () => void {
  let goingSince = Number.NEGATIVE_INFINITY
  const onKey = (event: KeyboardEvent): void => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault()
      find()
      return
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return
    if (document.querySelector('dialog[open]')) return
    const isGoing = event.timeStamp - goingSince < SEQUENCE_MS
    goingSince = Number.NEGATIVE_INFINITY
    const page = isGoing ? PAGES.find(({ key }) => key === event.key) : undefined
    if (page) go(addressOf(page.path, rangeQuery()))
    else if (event.key === 'g') goingSince = event.timeStamp
    else if (event.key === '?') help()
    else if (event.key === '/') {
      const filter = document.querySelector<HTMLInputElement>('[data-filter]')
      if (!filter) return
      event.preventDefault()
      filter.focus()
    }
  }
  document.addEventListener('keydown', onKey)
  return () => document.removeEventListener('keydown', onKey)
}
