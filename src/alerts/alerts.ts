import { type Clock, messageOf, systemClock, type Unsubscribe, uuidv7 } from '../core/index.ts'
import type { Collector, KeptAt, Period, Seen } from '../monitor/index.ts'
import { type Alert, isOfProcess, METRIC_NAMES } from './alert.ts'
import { AlertBook, type AlertEvent, type Moment } from './book.ts'
import type { Channel } from './channels/channel.ts'
import { DeliveryStore } from './deliveries.ts'
import { attempt, Dispatcher } from './dispatcher.ts'
import { metricUnknown } from './errors.ts'
import { digestNotification, notificationOf, testNotification } from './notification.ts'
import type { AlertRule } from './rule.ts'
import { dueDigest } from './schedule.ts'
import { AlertStore, isSilenced, type Silence, type Told } from './store.ts'

/** What alerts are made of. */
export interface AlertsInput {
  readonly collector: Collector
  /** Of {@link rulesOf}. */
  readonly rules: readonly AlertRule[]
  /** Of {@link channelsOf}. */
  readonly channels: readonly Channel[]
  /** The database's address without its password, for those who are told. */
  readonly database: string
  /** How often it is said again while something stays wrong. Default 4 h. */
  readonly repeatMs?: number | undefined
  /** How long a channel may take for one attempt. Default 10 s. */
  readonly attemptMs?: number | undefined
  /** What is told regularly by the one process that watches the database. Default: nothing. */
  readonly digest?: DigestInput | undefined
  /** Told when alerts themselves do not work. */
  readonly onProblem?: ((problem: string) => void) | undefined
  readonly clock?: Clock | undefined
}

/** What is told regularly. */
export interface DigestInput {
  readonly every: 'off' | 'daily' | 'weekly'
  /** From which hour on, in UTC. */
  readonly hour: number
  /** Looks at what operators look at in these periods; returns it in words. */
  make(periods: readonly Period[]): Promise<string>
}

/** What a channel made of a test. */
export interface ChannelTest {
  readonly channel: Channel['name']
  /** Null: it was taken. */
  readonly error: string | null
}

const MINUTE_MS = 60_000
const REPEAT_MS = 4 * 3_600_000
/** Processes say each minute that their alerts still hold. */
const VANISHED_MS = 5 * MINUTE_MS
/** Alerts that were over before they could be written down. */
const MOST_UNWRITTEN = 200

/**
 * Watches what a collector sees, and tells somebody when it is not as the rules want it. What is wrong with the database is watched
 * by the one process that looks at it, what is wrong with a process by itself. What is open outlives the process.
 *
 * @example
 * const alerts = new Alerts({ collector, rules: rulesOf(DEFAULT_LIMITS), channels: [webhook(url)], database: 'orders' })
 * alerts.start()
 * await alerts.close()
 */
export class Alerts {
  readonly rules: readonly AlertRule[]
  readonly #input: AlertsInput
  readonly #clock: Clock
  readonly #dispatcher: Dispatcher
  readonly #ofProcess: readonly AlertRule[]
  readonly #ofDatabase: readonly AlertRule[]
  /** What was told of each alert that is firing. */
  readonly #told = new Map<string, Told>()
  #unwatch: Unsubscribe | undefined
  #process: AlertBook | undefined
  #database: AlertBook | undefined
  #silences: readonly Silence[] = []
  #unwritten: Alert[] = []
  /** One thing after another. */
  #work: Promise<void> = Promise.resolve()
  #minute = 0
  /** The digest that was made last. */
  #digested: string | undefined
  #problem: string | undefined

  /** @throws HF_ALERT_METRIC_UNKNOWN */
  constructor(input: AlertsInput) {
    this.#input = input
    this.#clock = input.clock ?? systemClock
    this.rules = input.rules
    for (const { name, metric } of input.rules)
      if (!METRIC_NAMES.includes(metric)) throw metricUnknown(name, metric, METRIC_NAMES)
    this.#ofProcess = input.rules.filter(({ metric }) => isOfProcess(metric))
    this.#ofDatabase = input.rules.filter(({ metric }) => !isOfProcess(metric))
    this.#dispatcher = new Dispatcher(
      input.channels,
      this.#clock,
      () => {
        const place = this.#place
        return place && new DeliveryStore(place)
      },
      input.attemptMs,
    )
  }

  /** Begins. The collector has to be started, too. */
  start(): void {
    this.#unwatch ??= this.#input.collector.watch((seen) => this.#take(seen))
  }

  /** Ends; what is not told yet is left to whoever is next. */
  async close(): Promise<void> {
    this.#unwatch?.()
    this.#unwatch = undefined
    await this.#work
    await this.#dispatcher.stop().catch(() => {}) // it is written down, or there is nowhere to write it
  }

  /** What is pending or firing as this process sees it. */
  get open(): readonly Alert[] {
    return [...(this.#database?.open ?? []), ...(this.#process?.open ?? [])]
  }

  /** Where alerts are kept; undefined where that cannot be reached. */
  get store(): AlertStore | undefined {
    const place = this.#place
    return place && new AlertStore(place)
  }

  /** The ways that somebody is told. */
  get channelNames(): readonly Channel['name'][] {
    return this.#input.channels.map(({ name }) => name)
  }

  /** Sends a test through each channel, and waits for what comes of it. */
  test(): Promise<ChannelTest[]> {
    return testChannels(this.#input.channels, this.#input.database)
  }

  /** Resolves when what was seen so far has been dealt with, but for what channels are at. */
  idle(): Promise<void> {
    return this.#work
  }

  get #place(): KeptAt | undefined {
    return this.#input.collector.history?.place
  }

  /** Never waits: the collector goes on. */
  #take(seen: Seen): void {
    const moment = { nowMs: this.#clock.now(), monotonicMs: this.#clock.monotonicMs() }
    this.#work = this.#work
      .then(() => this.#handle(seen, moment))
      .catch((error: unknown) => this.#tellProblem(messageOf(error)))
  }

  async #handle({ instance, process, database }: Seen, moment: Moment): Promise<void> {
    this.#process ??= new AlertBook(this.#ofProcess, instance, moment)
    const events = this.#process.take(process, moment)
    if (database) {
      this.#database ??= await this.#openBook(moment)
      events.push(...this.#database.take(database, moment))
    } else if (this.#database) {
      // Somebody else goes on with it.
      for (const alert of this.#database.open) this.#told.delete(keyOf(alert))
      this.#database = undefined
    }
    for (const event of events) await this.#tell(event, moment.nowMs)
    const minute = Math.floor(moment.nowMs / MINUTE_MS)
    if (minute === this.#minute) return
    this.#minute = minute
    await this.#everyMinute(moment.nowMs)
  }

  /** What was wrong with the database before this process watched it goes on. */
  async #openBook(moment: Moment): Promise<AlertBook> {
    const book = new AlertBook(this.#ofDatabase, '', moment)
    const known = await this.store?.open('').catch(() => [])
    book.restore(known ?? [], moment)
    return book
  }

  async #tell({ kind, alert }: AlertEvent, nowMs: number): Promise<void> {
    if (kind !== 'resolved') return this.#notice(alert, nowMs, true)
    const told = this.#told.get(keyOf(alert))
    this.#told.delete(keyOf(alert))
    const kept = await this.#write(
      (store) => store.resolve(alert),
      () => this.#unwritten.push(alert),
    )
    const toldAt = kept?.toldAt ?? told?.atMs ?? null
    if (toldAt !== null)
      await this.#post('resolved', { ...alert, id: kept?.id ?? told?.id ?? alert.id }, nowMs)
  }

  /** Tells of a firing alert what nobody was told yet, or not for long. */
  async #notice(alert: Alert, nowMs: number, isNews = false): Promise<void> {
    const key = keyOf(alert)
    const before = this.#told.get(key)
    const kept = await this.#write((store) => store.put(alert, nowMs))
    const told = kept ?? before ?? { id: alert.id, atMs: null, severity: null, isAcknowledged: false }
    this.#told.set(key, told)
    if (isNews) await this.#readSilences(nowMs)
    if (isSilenced(this.#silences, alert, nowMs)) return
    const event = eventOf(alert, told, nowMs, this.#input.repeatMs ?? REPEAT_MS)
    if (event === undefined) return
    this.#told.set(key, { ...told, atMs: nowMs, severity: alert.severity })
    await this.#post(event, { ...alert, id: told.id }, nowMs)
    await this.#write((store) => store.tell(told.id, alert.severity, nowMs))
  }

  async #post(event: Parameters<typeof notificationOf>[0], alert: Alert, nowMs: number): Promise<void> {
    const { database } = this.#input
    await this.#dispatcher.post((id) => notificationOf(event, alert, { id, database, nowMs }), {
      alert: alert.id,
    })
  }

  async #everyMinute(nowMs: number): Promise<void> {
    const firing = this.open.filter(({ state }) => state === 'firing')
    if (firing.length > 0) await this.#readSilences(nowMs)
    for (const alert of firing) await this.#notice(alert, nowMs)
    for (const alert of this.#unwritten.splice(0).slice(-MOST_UNWRITTEN))
      await this.#write(
        async (store) => {
          await store.put(alert, nowMs)
          await store.resolve(alert)
        },
        () => this.#unwritten.push(alert),
      )
    await this.#dispatcher.keep().catch((error: unknown) => this.#tellProblem(messageOf(error)))
    if (!this.#database) return
    const vanished = (await this.#write((store) => store.endVanished(VANISHED_MS, nowMs))) ?? []
    for (const alert of vanished) if (alert.toldAt !== null) await this.#post('resolved', alert, nowMs)
    if (this.#minute % 60 === 0) await this.#write((store) => store.tidy(nowMs))
    await this.#digest(nowMs)
  }

  async #digest(nowMs: number): Promise<void> {
    const { digest, channels, database } = this.#input
    const due = digest && dueDigest(digest.every, digest.hour, nowMs)
    if (!due || due.topic === this.#digested || channels.every(({ name }) => name === 'log')) return
    const text = await digest.make(due.periods)
    await this.#dispatcher.post((id) => digestNotification(id, database, nowMs, text), {
      topic: due.topic,
      but: 'log',
    })
    this.#digested = due.topic
  }

  async #readSilences(nowMs: number): Promise<void> {
    this.#silences = (await this.#write((store) => store.silences(nowMs))) ?? this.#silences
  }

  /** Undefined where it cannot be reached: the database may be what the alert is about. */
  async #write<T>(work: (store: AlertStore) => Promise<T>, orElse?: () => void): Promise<T | undefined> {
    const { store } = this
    try {
      if (store) {
        const value = await work(store)
        this.#problem = undefined
        return value
      }
    } catch (error) {
      this.#tellProblem(`Alerts cannot be written down: ${messageOf(error)}`)
    }
    orElse?.()
    return undefined
  }

  #tellProblem(problem: string): void {
    if (problem !== this.#problem) this.#input.onProblem?.(problem)
    this.#problem = problem
  }
}

const keyOf = ({ rule, instance }: Alert): string => `${rule} ${instance}`

/** What is new of a firing alert; undefined where nothing is. */
function eventOf(
  { severity }: Alert,
  { atMs, severity: toldSeverity, isAcknowledged }: Told,
  nowMs: number,
  repeatMs: number,
): 'firing' | 'escalated' | 'reminder' | undefined {
  if (atMs === null) return 'firing'
  if (toldSeverity === 'warning' && severity === 'error') return 'escalated'
  return !isAcknowledged && nowMs - atMs >= repeatMs ? 'reminder' : undefined
}

/** Sends a test through each channel, one after another. */
export async function testChannels(channels: readonly Channel[], database: string): Promise<ChannelTest[]> {
  const results: ChannelTest[] = []
  for (const channel of channels) {
    const notification = testNotification(uuidv7(), database, Date.now())
    const error = await attempt(channel, notification).then(() => null, messageOf)
    results.push({ channel: channel.name, error })
  }
  return results
}
