import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import type { LiveResource } from '../api/resource.ts'
import { ageOf } from '../live/freshness.ts'
import { age } from '../words/times.ts'
import { Failed, Loading } from './states.tsx'
import { type ToDo, ToDoList } from './to-do.tsx'

/** At most so many things to do; the first of them at once. */
const MOST_TOLD = 5
const TOLD_AT_ONCE = 3

/** How things stand, in a sentence, and what to do, worst first: what a page opens with. */
export function Standing<T>({
  resource,
  sentence,
  failed,
  things,
  isAllKnown = true,
  tools,
}: {
  readonly resource: LiveResource<T>
  readonly sentence: (data: T) => string
  /** The sentence when nothing is known. */
  readonly failed: string
  readonly things: (data: T) => readonly ToDo[]
  /** False while more things may come: they would push down what is read already. */
  readonly isAllKnown?: boolean
  readonly tools?: (data: T) => ComponentChildren
}) {
  const { data, error, failingSince } = resource.state.value
  const staleMs = ageOf(resource.state.value)
  const told = data === undefined ? [] : things(data).toSorted(bySeverity).slice(0, MOST_TOLD)
  const areAllTold = useSignal(false)
  const more = told.length - TOLD_AT_ONCE
  return (
    <section class="card span12 standing" aria-labelledby="standing" data-stale={staleMs !== undefined}>
      <header>
        <h2 id="standing" {...(data === undefined && !error && { 'aria-label': 'Loading' })}>
          {data !== undefined ? sentence(data) : error ? failed : <i class="bone" />}
        </h2>
        {staleMs !== undefined && <span class="age">{age(staleMs)} old</span>}
        <span class="tools">
          {more > 0 && !areAllTold.value && (
            <button type="button" class="do" onClick={() => (areAllTold.value = true)}>
              {more} more
            </button>
          )}
          {data !== undefined && tools?.(data)}
        </span>
      </header>
      <div class="body">
        {data !== undefined && isAllKnown ? (
          told.length === 0 ? (
            <p class="good">Nothing needs you here.</p>
          ) : (
            <ToDoList things={areAllTold.value ? told : told.slice(0, TOLD_AT_ONCE)} />
          )
        ) : error && data === undefined ? (
          <Failed error={error} since={failingSince} retry={() => resource.refresh()} />
        ) : (
          <Loading lines={TOLD_AT_ONCE} />
        )}
      </div>
    </section>
  )
}

const ORDER: readonly ToDo['severity'][] = ['error', 'warning', 'info']
const bySeverity = (a: ToDo, b: ToDo): number => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity)
