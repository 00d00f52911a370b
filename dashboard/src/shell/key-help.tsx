import { PAGES } from '../pages/index.ts'
import { Dialog } from './dialog.tsx'

const KEYS: readonly (readonly [keys: readonly string[], what: string])[] = [
  [['Ctrl', 'K'], 'find pages, tables and statements; run commands'],
  ...PAGES.map(({ key, title }) => [['g', key], `go to ${title}`] as const),
  [['/'], 'filter the list'],
  [['↑', '↓'], 'move in a list; also Page up, Page down, Home, End'],
  [['Enter'], 'open the detail of a row'],
  [['Esc'], 'close the detail, empty the filter'],
  [['?'], 'this list'],
]

/** The keys there are. */
export function KeyHelp({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog label="Keys" kind="keys" onClose={onClose}>
      <h2>Keys</h2>
      <dl>
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <button type="button" class="button" onClick={onClose}>
        Close
      </button>
    </Dialog>
  )
}
