import { ApiError } from '../api/client.ts'
import { Card } from '../parts/card.tsx'
import { ToType } from '../parts/copy.tsx'
import { Amount } from '../parts/amount.tsx'
import { Denied, Empty, Failed, Loading } from '../parts/states.tsx'
import { perSecond } from '../words/figures.ts'
import { DEFINITIONS, NOW } from './data.ts'

/** A card in each of its states. */
export function CardStates() {
  return (
    <>
      <Card
        title="Fresh"
        span={4}
        note="a note"
        definitions={DEFINITIONS}
        now={
          <b>
            <Amount figure={perSecond(8_412)} />
          </b>
        }
      >
        <p>What the card is about.</p>
      </Card>
      <Card
        title="Stale"
        span={4}
        note="a note"
        staleMs={23_000}
        definitions={DEFINITIONS}
        now={
          <b>
            <Amount figure={perSecond(8_412)} />
          </b>
        }
      >
        <p>The last that was known, dimmed, with its age.</p>
      </Card>
      <Card title="Loading" span={4}>
        <Loading lines={4} />
      </Card>
      <Card title="Empty" span={4}>
        <Empty title="No backups yet.">
          <p>The first one:</p>
          <ToType text="npx holdfast backup create" />
        </Empty>
      </Card>
      <Card title="No permission" span={4}>
        <Denied what="what other sessions do" grant="GRANT pg_read_all_stats TO app;" />
      </Card>
      <Card title="Error" span={4}>
        <Failed
          error={new ApiError(503, 'HF_CONNECT_REFUSED', 'Nothing listens at 127.0.0.1:5432.')}
          since={NOW - 61_000}
          retry={() => {}}
        />
      </Card>
    </>
  )
}
