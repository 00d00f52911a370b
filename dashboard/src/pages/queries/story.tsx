import { ask } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { Loaded } from '../../parts/states.tsx'
import { Sparkline } from '../../parts/sparkline.tsx'
import { ToType } from '../../parts/copy.tsx'

/** As wide as its place. */
const STEPS = 48

/** What a statement did over the last day, as the history has it. */
export function Story({ id }: { readonly id: string }) {
  const resource = useResource(
    `story ${id}`,
    (signal) => ask('GET /v1/database/performance/queries/{key}', { params: { key: id }, signal }),
    60_000,
  )
  return (
    <>
      <h3>The last day</h3>
      <Loaded resource={resource} lines={2}>
        {({ history, fingerprint }) =>
          history === null ? (
            <p>No history is kept. It is, where this runs:</p>
          ) : (
            <>
              <dl class="courses">
                {(
                  [
                    ['Time', 'Time in it', history.total_ms],
                    ['Calls', 'Calls', history.calls],
                  ] as const
                ).map(([title, label, values]) => (
                  <div key={title}>
                    <dt>{title}</dt>
                    <dd>
                      <Sparkline values={course(values)} label={`${label} over the last day`} />
                    </dd>
                  </div>
                ))}
              </dl>
              <p class="dim">
                Fingerprint <code>{fingerprint}</code>: the same on every server and version.
              </p>
            </>
          )
        }
      </Loaded>
      {resource.state.value.data?.history === null && <ToType text="npx holdfast serve" />}
    </>
  )
}

/** Steps added up to as many as there is room for; what was not collected counts as nothing. */
function course(values: readonly (number | null)[]): number[] {
  const width = Math.max(1, Math.ceil(values.length / STEPS))
  return Array.from({ length: Math.ceil(values.length / width) }, (_, index) =>
    values.slice(index * width, (index + 1) * width).reduce<number>((sum, value) => sum + (value ?? 0), 0),
  )
}
