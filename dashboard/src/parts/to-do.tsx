/** One thing that needs a person: its evidence in a line, and one action. */
export interface ToDo {
  readonly key: string
  readonly severity: 'error' | 'warning' | 'info'
  readonly text: string
  /** What its button says. */
  readonly action: string
  readonly run: () => void
}

/** Things to do, worst first. */
export function ToDoList({ things }: { readonly things: readonly ToDo[] }) {
  return (
    <ol class="todo">
      {things.map(({ key, severity, text, action, run }) => (
        <li key={key}>
          <i class={`mark ${severity}`} role="img" aria-label={severity} />
          <span title={text}>{text}</span>
          <button type="button" class="do" onClick={run}>
            {action}
          </button>
        </li>
      ))}
    </ol>
  )
}
