import { useSignal } from '@preact/signals'

const SAID_FOR_MS = 2_000

/** Copies a text, and says so. Where the browser refuses, it selects the text instead. */
export function Copy({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }) {
  const said = useSignal(label)
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      said.value = 'Copied'
    } catch {
      said.value = 'Select it by hand' // without HTTPS some browsers keep the clipboard closed
    }
    setTimeout(() => {
      said.value = label
    }, SAID_FOR_MS)
  }
  return (
    <button type="button" class="quiet" onClick={() => void copy()}>
      <span aria-live="polite">{said.value}</span>
    </button>
  )
}

/** Something to be typed elsewhere: a command or a statement, with a button that copies it. */
export function ToType({ text }: { readonly text: string }) {
  return (
    <div class="to-type">
      <pre tabIndex={0} role="group" aria-label="To be copied">
        <code>{text}</code>
      </pre>
      <Copy text={text} />
    </div>
  )
}
