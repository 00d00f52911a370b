/** One of a few, all of them seen. */
export function Choice<Id extends string>({
  label,
  options,
  chosen,
  choose,
}: {
  readonly label: string
  readonly options: readonly { readonly id: Id; readonly label: string }[]
  readonly chosen: Id | undefined
  readonly choose: (id: Id) => void
}) {
  return (
    <span class="seg" role="group" aria-label={label}>
      {options.map(({ id, label: name }) => (
        <button key={id} type="button" aria-pressed={id === chosen} onClick={() => choose(id)}>
          {name}
        </button>
      ))}
    </span>
  )
}
