/** Every part in every state, without a server: `npm run dashboard:dev`, then /parts.html. */
import { render } from 'preact'
import { useSignal } from '@preact/signals'
import '../style/style.ts'
import { Choice } from '../parts/choice.tsx'
import { startRouter } from '../place/router.ts'
import { KeyHelp } from '../shell/key-help.tsx'
import { chooseTheme, startTheme, theme } from '../style/theme.ts'
import { CardStates } from './cards.tsx'
import { ChartEdges, Charts } from './charts.tsx'
import { Figures, Gauges } from './amounts.tsx'
import { Tables } from './tables.tsx'

const THEMES = [
  { id: 'auto', label: 'Auto' },
  { id: 'light', label: 'Light' },
  { id: 'dark', label: 'Dark' },
] as const

function Gallery() {
  const areKeysOpen = useSignal(false)
  return (
    <div class="page">
      <header class="bar">
        <div class="where">
          <h1>Parts</h1>
        </div>
        <div class="tools">
          <button type="button" class="button" onClick={() => (areKeysOpen.value = true)}>
            A dialog
          </button>
          <Choice label="Theme" options={THEMES} chosen={theme.value} choose={chooseTheme} />
        </div>
      </header>
      <main>
        <CardStates />
        <Gauges />
        <Figures />
        <Charts />
        <ChartEdges />
        <Tables />
      </main>
      {areKeysOpen.value && <KeyHelp onClose={() => (areKeysOpen.value = false)} />}
    </div>
  )
}

startTheme()
startRouter()
const root = document.querySelector('#app')
if (root) render(<Gallery />, root)
