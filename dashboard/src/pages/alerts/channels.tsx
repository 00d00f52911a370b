import { useSignal } from '@preact/signals'
import { type Answer, ask } from '../../api/client.ts'
import type { LiveResource } from '../../api/resource.ts'
import { ageOf } from '../../live/freshness.ts'
import { Act } from '../../parts/act.tsx'
import { Card } from '../../parts/card.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import type { Deliveries } from './data.ts'
import { DELIVERY_DEFINITIONS } from './definitions.ts'

type Tested = Answer<'POST /v1/alerts/test'>['channels']

/** Who is told, what they have not taken yet, and trying them. */
export function Channels({ resource }: { readonly resource: LiveResource<Deliveries> }) {
  const tested = useSignal<Tested | undefined>(undefined)
  return (
    <Card
      title="Channels"
      span={6}
      size="lines"
      definitions={DELIVERY_DEFINITIONS}
      staleMs={ageOf(resource.state.value)}
    >
      <Loaded resource={resource} lines={4}>
        {({ channels, data }) =>
          channels.length === 0 ? (
            <Empty title="Nobody is told: no channel is configured." />
          ) : (
            <ul class="channels">
              {channels.map((channel) => {
                const waiting = data.filter((one) => one.channel === channel)
                const result = tested.value?.find((one) => one.channel === channel)
                return (
                  <li key={channel}>
                    <b>{channel}</b>
                    <span class={waiting.length > 0 ? 'tag warn' : 'tag ok'}>
                      {waiting.length === 0 ? 'has taken everything' : `${waiting.length} not taken yet`}
                    </span>
                    {waiting[0]?.error != null && <span class="why">{waiting[0].error}</span>}
                    {result && <span class="why">{result.error ?? 'took the test'}</span>}
                  </li>
                )
              })}
            </ul>
          )
        }
      </Loaded>
      <Act
        needs="operator"
        label="Send a test"
        act={async () => {
          tested.value = (await ask('POST /v1/alerts/test')).channels
        }}
        done={() => resource.refresh()}
      />
    </Card>
  )
}
