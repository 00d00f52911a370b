import { effect, untracked } from '@preact/signals'
import { render } from 'preact'
import './style/style.ts'
import { wake } from './api/resource.ts'
import { session, startSession } from './api/session.ts'
import { readIdentity } from './live/identity.ts'
import { live } from './live/stream.ts'
import { returnToPlace, startRouter } from './place/router.ts'
import { App } from './shell/app.tsx'
import { startTheme } from './style/theme.ts'

startTheme()
startRouter()
void startSession()
effect(() => {
  if (typeof session.value !== 'object') return live.stop()
  live.start()
  untracked(returnToPlace)
})
// When the stream is back, or the database, all that is shown may be another.
effect(() => {
  void live.returns.value
  void live.isDown.value
  if (typeof session.value !== 'object') return
  wake.value = wake.peek() + 1
  void readIdentity()
})
const root = document.querySelector('#app')
if (root) render(<App />, root)
