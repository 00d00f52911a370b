import { Argument, type Command } from 'commander'
import { type Finish, runWith } from '../command.ts'
import { linesIn } from '../output.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

/** Completion scripts, written from the command tree itself. */
export function addCompletion(program: Command, finish: Finish): void {
  const command = program
    .command('completion')
    .description('print a completion script: bash, zsh or fish')
    .addArgument(new Argument('<shell>').choices(SHELLS))
  runWith(command, finish, async ({ out }, _options, [shell]) => {
    const script = render(shell as (typeof SHELLS)[number], program)
    out.result({ shell, script }, () => linesIn(script))
  })
}

interface Entry {
  /** Words before, as `migrate`; empty at the top. */
  readonly path: string
  readonly words: readonly string[]
}

function entriesOf(command: Command, path: readonly string[] = []): Entry[] {
  const names = command.commands.map((inner) => inner.name())
  const flags = [...command.options, ...(path.length > 0 ? rootOptions(command) : [])].map(
    ({ long }) => long ?? '',
  )
  return [
    { path: path.join(' '), words: [...names, ...flags].filter((word) => word !== '') },
    ...command.commands.flatMap((inner) => entriesOf(inner, [...path, inner.name()])),
  ]
}

function rootOptions(command: Command): Command['options'] {
  let root = command
  while (root.parent) root = root.parent
  return root.options
}

function render(shell: (typeof SHELLS)[number], program: Command): string {
  const entries = entriesOf(program)
  const cases = entries
    .map(({ path, words }) => `    ${JSON.stringify(path)}) words=${JSON.stringify(words.join(' '))} ;;`)
    .join('\n')
  // The words so far that are no flags are the path; a path that is not known falls back to its beginning.
  const lookUp = `_holdfast_words() {
  local words=""
  case "$1" in
${cases}
    *) words="" ;;
  esac
  printf '%s' "$words"
}`
  if (shell === 'bash') {
    return `${lookUp}
_holdfast() {
  local path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  COMPREPLY=($(compgen -W "$(_holdfast_words "$path")" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _holdfast holdfast`
  }
  if (shell === 'zsh') {
    return `#compdef holdfast
${lookUp}
_holdfast() {
  local path="" word
  for word in \${words[2,CURRENT-1]}; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  compadd -- \${(s: :)"$(_holdfast_words "$path")"}
}
compdef _holdfast holdfast`
  }
  return entries
    .map(({ path, words }) => {
      const seen =
        path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path.split(' ').at(-1)}`
      return `complete -c holdfast -f -n '${seen}' -a '${words.join(' ')}'`
    })
    .join('\n')
}
