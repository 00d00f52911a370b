import { effect, untracked } from '@preact/signals'
import { render } from 'preact'
import './style/style.ts'
import { wake } from './api/resource.ts'
import { session, startSession } from './api/session.ts'
import { readIdentity } from './live/identity.ts'
import { live } from './live/stream.ts'
import { returnToPlace, startRouter, takeLinkSecret } from './place/router.ts'
import { App } from './shell/app.tsx'
import { startTheme } from './style/theme.ts'

startTheme()
const linkSecret = takeLinkSecret()
startRouter()
void startSession(linkSecret)
// Another link may be opened where the page is open already.
window.addEventListener('hashchange', () => {
  const another = takeLinkSecret()
  if (another !== undefined) void startSession(another)
})
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
