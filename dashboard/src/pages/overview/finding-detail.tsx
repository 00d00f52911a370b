import { Facts } from '../../parts/panel.tsx'
import { ToType } from '../../parts/copy.tsx'
import type { Finding } from './verdict.tsx'

/** A finding with its evidence and its one next step. */
export function FindingDetail({ finding }: { readonly finding: Finding }) {
  const { message, action, sql, evidence, check, severity, subject } = finding
  // A command of ours is to be typed, too.
  const isCommand = action.startsWith('holdfast ')
  return (
    <>
      <p>{message}</p>
      <h3>What to do</h3>
      {isCommand ? <ToType text={`npx ${action}`} /> : <p>{action}</p>}
      {sql !== null && <ToType text={sql} />}
      <h3>Evidence</h3>
      <Facts
        facts={[
          ['Severity', severity],
          ['About', subject],
          ...Object.entries(evidence).map(
            ([name, value]) => [name.replaceAll('_', ' '), shown(value)] as const,
          ),
          ['Check', <code key="check">{check}</code>],
        ]}
      />
    </>
  )
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join(', ')
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}
