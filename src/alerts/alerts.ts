import { type Clock, messageOf, systemClock, type Unsubscribe, uuidv7, within } from '../core/index.ts'
import type { Collector, KeptAt, Period, Seen } from '../monitor/index.ts'
import { type Alert, isOfProcess, METRIC_NAMES } from './alert.ts'
import { AlertBook, type Moment } from './book.ts'
import type { Channel } from './channels/channel.ts'
import { type Delivery, DeliveryStore } from './deliveries.ts'
import { attempt, Dispatcher, HOLD_MS } from './dispatcher.ts'
import { metricUnknown } from './errors.ts'
import { digestNotification, notificationOf, testNotification } from './notification.ts'
import { recall } from './recall.ts'
import type { AlertRule } from './rule.ts'
import { dueDigest } from './schedule.ts'
import { AlertStore, isSilenced, type KeptAlert, type Silence, type Told } from './store.ts'

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
/** Alerts that were over before that could be written down. */
const MOST_ENDED = 200
/** How long the place where alerts are kept is waited for. */
const REACH_MS = 5_000

/** What this process knows of a firing alert. */
interface Known extends Told {
  /** Whether it is written down. */
  readonly isKept: boolean
}

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
  readonly #told = new Map<string, Known>()
  #unwatch: Unsubscribe | undefined
  #process: AlertBook | undefined
  #database: AlertBook | undefined
  #silences: readonly Silence[] = []
  /** What is over, and not written down. */
  readonly #ended: { readonly alert: Alert; readonly told: Known | undefined }[] = []
  /** One thing after another. */
  #work: Promise<void> = Promise.resolve()
  #minute = 0
  /** The digest that was made last, and the one that is being made. */
  #digested: string | undefined
  #digesting: Promise<void> | undefined
  #problem: string | undefined
  /** Within the beat that is dealt with. */
  #isOutOfReach = false

  /** @throws HF_ALERT_METRIC_UNKNOWN */
  constructor(input: AlertsInput) {
    this.#input = input
    this.#clock = input.clock ?? systemClock
    this.rules = input.rules
    for (const { name, metric } of input.rules)
      if (!METRIC_NAMES.includes(metric)) throw metricUnknown(name, metric, METRIC_NAMES)
    this.#ofProcess = input.rules.filter(({ metric }) => isOfProcess(metric))
    this.#ofDatabase = input.rules.filter(({ metric }) => !isOfProcess(metric))
    this.#dispatcher = new Dispatcher({
      channels: input.channels,
      clock: this.#clock,
      attemptMs: input.attemptMs,
      store: () => {
        const place = this.#place
        return place && new DeliveryStore(place)
      },
      onProblem: (problem) => this.#tellProblem(problem),
    })
  }

  /** Begins. The collector has to be started, too. */
  start(): void {
    this.#unwatch ??= this.#input.collector.watch((seen) => this.#take(seen))
  }

  /** Ends; what is not told yet is left to whoever is next. */
  async close(): Promise<void> {
    this.#unwatch?.()
    this.#unwatch = undefined
    await this.idle()
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
  async idle(): Promise<void> {
    await this.#work
    await this.#digesting
  }

  get #place(): KeptAt | undefined {
    return this.#input.collector.history?.place
  }

  /** Never waits: the collector goes on. */
  #take(seen: Seen): void {
    const moment = { nowMs: this.#clock.now(), monotonicMs: this.#clock.monotonicMs() }
    this.#work = this.#work
      .then(() => this.#handle(seen, moment))
      .catch((error: unknown) => this.#tellProblem(`Alerts could not be looked after: ${messageOf(error)}`))
  }

  async #handle({ instance, process, database }: Seen, moment: Moment): Promise<void> {
    this.#isOutOfReach = false
    await this.#writeEnded(moment.nowMs)
    this.#process ??= new AlertBook(this.#ofProcess, instance, moment)
    const events = this.#process.take(process, moment)
    if (database) {
      this.#database ??= await this.#openBook(moment)
      events.push(...(this.#database?.take(database, moment) ?? []))
    } else if (this.#database) {
      // Somebody else goes on with it.
      for (const alert of this.#database.open) this.#told.delete(keyOf(alert))
      this.#database = undefined
    }
    if (events.length > 0) await this.#readSilences(moment.nowMs)
    for (const { kind, alert } of events)
      await (kind === 'resolved' ? this.#end(alert, moment.nowMs) : this.#notice(alert, moment.nowMs))
    const minute = Math.floor(moment.nowMs / MINUTE_MS)
    if (minute === this.#minute) return
    this.#minute = minute
    await this.#everyMinute(moment.nowMs)
  }

  /** What was wrong with the database before this process watched it goes on. Undefined where that cannot be read. */
  async #openBook(moment: Moment): Promise<AlertBook | undefined> {
    const known = await this.#write((store) => store.open(''))
    if (!known) return undefined
    const book = new AlertBook(this.#ofDatabase, '', moment)
    book.restore(known, moment)
    const { history } = this.#input.collector
    for (const rule of this.#ofDatabase)
      if (rule.growsBy && history)
        book.recall(rule, (await this.#write(() => recall(rule, history, moment))) ?? [], moment)
    // Rules that hold no more: nobody will say that it is over.
    const rules = new Set(this.#ofDatabase.map(({ name }) => name))
    for (const alert of known) if (!rules.has(alert.rule)) await this.#end(alert, moment.nowMs)
    return book
  }

  /** Tells of a firing alert what nobody was told yet, or not for long. */
  async #notice(alert: Alert, nowMs: number): Promise<void> {
    const key = keyOf(alert)
    const before = this.#told.get(key)
    const kept = await this.#write((store) => store.put(alert, nowMs))
    const told: Known = {
      id: kept?.id ?? before?.id ?? alert.id,
      // What was told from memory was told.
      atMs: kept?.atMs ?? before?.atMs ?? null,
      severity: kept?.severity ?? before?.severity ?? null,
      isAcknowledged: kept?.isAcknowledged ?? before?.isAcknowledged ?? false,
      isKept: kept !== undefined || before?.isKept === true,
    }
    this.#told.set(key, told)
    if (isSilenced(this.#silences, alert, nowMs)) return
    const event = eventOf(alert, told, nowMs, this.#input.repeatMs ?? REPEAT_MS)
    if (event === undefined) {
      if (kept?.atMs === null && told.atMs !== null) await this.#write((store) => store.tell(told, [], nowMs))
      return
    }
    const next = { ...told, atMs: nowMs, severity: alert.severity }
    this.#told.set(key, next)
    const deliveries = this.#deliveriesOf(event, { ...alert, id: told.id }, nowMs)
    const isWritten =
      kept && (await this.#write((store) => done(store.tell(next, deliveries, nowMs + HOLD_MS))))
    this.#dispatcher.send(deliveries, isWritten === true)
  }

  /** It is over: that is told to those who were told of it. */
  async #end(ended: Alert | KeptAlert, nowMs: number): Promise<void> {
    const known = this.#told.get(keyOf(ended))
    this.#told.delete(keyOf(ended))
    const alert: Alert = {
      ...ended,
      id: known?.id ?? ended.id,
      state: 'resolved',
      resolvedAt: ended.resolvedAt ?? nowMs,
    }
    const deliveries = this.#deliveriesOf('resolved', alert, nowMs)
    const end = await this.#write((store) => store.resolve(alert.id, nowMs, deliveries, nowMs + HOLD_MS))
    if (end?.wasTold) return this.#dispatcher.send(deliveries, true)
    const isOfOthers = end && !end.wasOpen && known?.isKept === true
    if (known?.atMs != null && !isOfOthers) this.#dispatcher.send(deliveries, false)
    const wasNeverKept = end?.wasOpen === false && known?.isKept === false
    if (!end || wasNeverKept) this.#ended.push({ alert, told: known })
  }

  /** Writes down what was over while that could not be done. */
  async #writeEnded(nowMs: number): Promise<void> {
    for (const { alert, told } of this.#ended.splice(0).slice(-MOST_ENDED)) {
      const isWritten = await this.#write(async (store) => {
        const { id } = await store.put({ ...alert, state: 'firing' }, nowMs)
        if (told?.atMs != null) await store.tell({ ...told, id }, [], nowMs)
        await store.resolve(id, alert.resolvedAt ?? nowMs, [], nowMs)
        return true
      })
      if (!isWritten) this.#ended.push({ alert, told })
    }
  }

  #deliveriesOf(event: Parameters<typeof notificationOf>[0], alert: Alert, nowMs: number): Delivery[] {
    const { database } = this.#input
    return this.#dispatcher.make((id) => notificationOf(event, alert, { id, database, nowMs }), {
      alert: alert.id,
    })
  }

  async #everyMinute(nowMs: number): Promise<void> {
    const firing = this.open.filter(({ state }) => state === 'firing')
    if (firing.length > 0) await this.#readSilences(nowMs)
    for (const alert of firing) await this.#notice(alert, nowMs)
    await this.#write(() => this.#dispatcher.keep())
    if (!this.#database) return
    for (const alert of (await this.#write((store) => store.vanished(VANISHED_MS, nowMs))) ?? [])
      await this.#end(alert, nowMs)
    if (this.#minute % 60 === 0) await this.#write((store) => store.tidy(nowMs))
    this.#beginDigest(nowMs)
  }

  /** Beside everything else: looking at whole tables takes its time. */
  #beginDigest(nowMs: number): void {
    this.#digesting ??= this.#digest(nowMs)
      .catch((error: unknown) => this.#tellProblem(`The digest could not be made: ${messageOf(error)}`))
      .finally(() => {
        this.#digesting = undefined
      })
  }

  async #digest(nowMs: number): Promise<void> {
    const { digest, channels, database } = this.#input
    const due = digest && dueDigest(digest.every, digest.hour, nowMs)
    if (!due || due.topic === this.#digested || channels.every(({ name }) => name === 'log')) return
    const text = await digest.make(due.periods)
    const deliveries = this.#dispatcher.make((id) => digestNotification(id, database, nowMs, text), {
      topic: due.topic,
      but: 'log',
    })
    const written = await this.#write(({ place }) =>
      new DeliveryStore(place).put(deliveries, nowMs + HOLD_MS),
    )
    // Told once: by whoever could write that down, when that can be done.
    if (!written) return
    this.#dispatcher.send(
      deliveries.filter(({ id }) => written.includes(id)),
      true,
    )
    this.#digested = due.topic
  }

  async #readSilences(nowMs: number): Promise<void> {
    this.#silences = (await this.#write((store) => store.silences(nowMs))) ?? this.#silences
  }

  /**
   * Undefined where the store cannot be reached: the database may be what the alert is about. Nobody waits for it a second time within a
   * beat.
   */
  async #write<T>(work: (store: AlertStore) => Promise<T>): Promise<T | undefined> {
    const { store } = this
    if (!store || this.#isOutOfReach) return undefined
    try {
      const value = await within(systemClock, REACH_MS, work(store), () => new Error('it does not answer'))
      this.#problem = undefined
      return value
    } catch (error) {
      this.#isOutOfReach = true
      this.#tellProblem(`Alerts cannot be written down: ${messageOf(error)}`)
      return undefined
    }
  }

  #tellProblem(problem: string): void {
    // The same with other figures is the same.
    const kind = problem.replaceAll(/\d+/g, '0')
    if (kind !== this.#problem) this.#input.onProblem?.(problem)
    this.#problem = kind
  }
}

const done = (work: Promise<void>): Promise<true> => work.then(() => true)

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
