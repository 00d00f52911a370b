import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { session, sessionFailure } from '../api/session.ts'
import { identity } from '../live/identity.ts'
import { path } from '../place/router.ts'
import { Card } from '../parts/card.tsx'
import { Failed } from '../parts/states.tsx'
import { Bar } from './bar.tsx'
import { KeyHelp } from './key-help.tsx'
import { listenToKeys } from './keys.ts'
import { OfferedLink } from './offered-link.tsx'
import { Palette } from './palette.tsx'
import { pageAt, Rail } from './rail.tsx'
import { SignIn } from './sign-in.tsx'

/** The whole console: signing in, or the frame with a page in it. */
export function App() {
  if (session.value === 'nobody') return <SignIn />
  return <Frame />
}

function Frame() {
  const above = useSignal<'palette' | 'keys' | undefined>(undefined)
  const find = (): void => void (above.value = 'palette')
  const help = (): void => void (above.value = 'keys')
  const close = (): void => void (above.value = undefined)
  useEffect(() => listenToKeys({ find, help }), [])
  const page = pageAt(path.value)
  const title = page?.title ?? 'No such page'
  const database = identity.value?.database
  useEffect(() => {
    document.title = [title, database, 'Holdfast'].filter((part) => part !== undefined).join(' · ')
  }, [title, database])
  return (
    <>
      <button
        type="button"
        class="skip"
        onClick={() => document.querySelector<HTMLElement>('#main')?.focus()}
      >
        Skip to content
      </button>
      <div class="frame">
        <Rail onKeys={help} />
        <div class="page">
          <Bar title={title} hasRange={page?.hasRange ?? false} onFind={find} />
          <main id="main" tabIndex={-1}>
            {sessionFailure.value ? <Unreachable /> : page ? <page.view key={page.path} /> : <NoSuchPage />}
          </main>
        </div>
      </div>
      {above.value === 'palette' && <Palette onClose={close} onKeys={help} />}
      {above.value === 'keys' && <KeyHelp onClose={close} />}
      <OfferedLink />
    </>
  )
}

function NoSuchPage() {
  return (
    <Card title="There is no such page" span={12}>
      <p>The address names none of the pages in the rail. An older or newer Holdfast may have had it.</p>
    </Card>
  )
}

/** Nobody can be asked, not even who is signed in. It is tried again all the time. */
function Unreachable() {
  const failure = sessionFailure.value
  if (!failure) return null
  return (
    <Card title="Holdfast cannot be reached" span={12}>
      <Failed error={failure.error} since={failure.since} />
    </Card>
  )
}
