import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useId, useRef } from 'preact/hooks'
import { type Command, databaseCommands, find, fixedCommands } from './commands.ts'
import { Dialog } from './dialog.tsx'

/** Finds pages, tables and statements, and runs commands. */
export function Palette({ onClose, onKeys }: { readonly onClose: () => void; readonly onKeys: () => void }) {
  const id = useId()
  const list = useRef<HTMLUListElement>(null)
  const text = useSignal('')
  const at = useSignal(0)
  const commands = useSignal<readonly Command[]>(fixedCommands(onKeys))
  const found = useComputed(() => find(commands.value, text.value))
  useEffect(() => {
    let isOpen = true
    void databaseCommands().then((more) => {
      if (isOpen) commands.value = [...commands.peek(), ...more]
    })
    return () => {
      isOpen = false
    }
  }, [])
  const run = (command: Command | undefined): void => {
    if (!command) return
    onClose()
    command.run()
  }
  const onKey = (event: KeyboardEvent): void => {
    const { length } = found.peek()
    if (event.key === 'Enter') {
      event.preventDefault()
      run(found.peek()[at.peek()])
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      at.value = length === 0 ? 0 : (at.peek() + (event.key === 'ArrowDown' ? 1 : length - 1)) % length
      list.current?.children[at.value]?.scrollIntoView({ block: 'nearest' })
    }
  }
  return (
    <Dialog label="Search or run" kind="palette" onClose={onClose}>
      <input
        type="text"
        role="combobox"
        aria-label="Search or run"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={found.value.length > 0 ? `${id}-${at.value}` : undefined}
        autocomplete="off"
        spellcheck={false}
        placeholder="A page, a table, a statement, a command"
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value
          at.value = 0
        }}
        onKeyDown={onKey}
      />
      <ul ref={list} id={id} role="listbox" aria-label="Found">
        {found.value.map((command, index) => (
          <li
            key={command.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at.value}
            onClick={() => run(command)}
            onMouseMove={() => (at.value = index)}
          >
            <span class={command.kind}>{command.title}</span>
            <em>{command.kind}</em>
          </li>
        ))}
      </ul>
      {found.value.length === 0 && <p class="state">Nothing has these words.</p>}
    </Dialog>
  )
}
