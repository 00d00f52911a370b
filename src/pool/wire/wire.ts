import type pg from 'pg'
import type { Clock } from '../../core/index.ts'
import type { DriverClient } from '../driver.ts'
import { Exchange, type StatementCall } from './exchange.ts'
import { copyOf, doubtOf, isOther, lostBegin } from './doubt.ts'
import { FrameJoiner, frameLength, HEADER_BYTES } from './frames.ts'
import { isAside, MESSAGE } from './messages.ts'
import type { Outbox } from './outbox.ts'
import { type Prepared, PreparedStatements } from './prepared.ts'
import { NO_ROWS, readShape, readTypes } from './row-shape.ts'
import { schemaChanged } from './schema-epoch.ts'
import { readServerError } from './server-error.ts'

/** Of a transaction that has done something: it cannot begin anew by itself. */
const CHANGED = 'A table was changed under this transaction. Do it again: retry does.'

/**
 * Runs statements over the socket of a driver's client, past the driver: many on their way at once, each with a
 * Sync of its own, all messages of a tick in one write, rows read straight from the socket's bytes.
 *
 * The driver made the connection and still serves whoever holds it; the two take turns. What arrives while
 * nothing of ours is on its way is the driver's, and so are notices, notifications and settings at any time.
 * Whoever sends here makes sure that the driver is idle.
 */
export class Wire {
  readonly #client: DriverClient
  readonly #outbox: Outbox
  readonly #clock: Clock
  readonly #refused: (error: Error) => void
  readonly #prepared: PreparedStatements
  readonly #joiner = new FrameJoiner()
  readonly #driverReads: (bytes: Buffer) => void
  /** Statements in order: those that were sent, from the head on, then those that go out with this tick. */
  #queue: Exchange[] = []
  #head = 0
  #sent = 0
  #isFlushing = false
  #failure: Error | undefined
  /** Names the server should forget; they go with the next statement. */
  readonly #toClose: string[] = []
  /** Statements whose meaning is being asked for, and who waits for that. */
  readonly #probed = new Map<string, { readonly exchange: Exchange; readonly before: Prepared }[]>()
  readonly #onDrained: (() => void)[] = []
  /** Monotonic milliseconds when the socket last delivered anything. */
  heardAt = 0
  /**
   * Monotonic milliseconds when the server began with the statement at the head, as far as can be seen from here: when
   * it was written, or when the one before it was answered.
   */
  workingSince = 0
  /** How long the server worked at what was answered last, the way there and back included if it was alone. */
  workedMs = 0

  /**
   * @param kept how many prepared statements the connection keeps, and for how long.
   * @param refused is told of each statement that the server refused.
   */
  constructor(
    client: DriverClient,
    outbox: Outbox,
    clock: Clock,
    kept: { readonly limit: number; readonly mostAgeMs: number },
    refused: (error: Error) => void,
  ) {
    this.#client = client
    this.#outbox = outbox
    this.#clock = clock
    this.#refused = refused
    this.#prepared = new PreparedStatements(kept.limit, kept.mostAgeMs)
    const { stream } = client.connection
    const [reads] = stream.listeners('data') as ((bytes: Buffer) => void)[]
    this.#driverReads = reads as (bytes: Buffer) => void
    stream.removeListener('data', this.#driverReads)
    stream.on('data', (chunk: Buffer) => {
      try {
        this.#read(chunk)
      } catch (error) {
        this.#breakOff(error as Error) // what the server sends cannot be read: this connection is beyond help
      }
    })
  }

  /** Statements that are not answered yet. */
  get pending(): number {
    return this.#queue.length - this.#head
  }

  /** Something was written and is not answered. */
  get isWorking(): boolean {
    return this.#sent > this.#head
  }

  /** Statements of this tick wait to leave together. */
  get isGathering(): boolean {
    return this.#isFlushing
  }

  /** Sends a statement at the end of this tick. */
  send(call: StatementCall, answered: (exchange: Exchange) => void): void {
    this.#enqueue(new Exchange(call, answered))
  }

  /** The statement's outcome as a promise. */
  run(call: StatementCall): Promise<pg.QueryResult> {
    return new Promise((resolve, reject) => {
      this.send(call, (exchange) => {
        if (exchange.error) reject(exchange.error)
        else resolve(exchange.result() as unknown as pg.QueryResult)
      })
    })
  }

  /** Resolves when everything that was sent so far is answered. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.pending === 0) resolve()
      else this.#onDrained.push(resolve)
    })
  }

  /** The server lost its prepared statements. */
  forgetPrepared(): void {
    this.#prepared.clear()
  }

  /** The connection is gone: everything on its way failed, and so does what comes later. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#failAll(this.#failure)
  }

  #failAll(error: Error): void {
    const lost = this.#queue.slice(this.#head)
    this.#queue = []
    this.#head = 0
    this.#sent = 0
    for (const [index, exchange] of lost.entries()) {
      // What one caller notes on it is not the others'.
      exchange.error ??= index === 0 ? error : copyOf(error)
      exchange.answered(exchange)
    }
    this.#tellDrained()
  }

  #enqueue(exchange: Exchange): void {
    this.#queue.push(exchange)
    if (this.#isFlushing) return
    this.#isFlushing = true
    process.nextTick(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushing = false
    if (this.#failure) return this.#failAll(this.#failure)
    if (this.#sent === this.#queue.length) return
    const isFirst = this.#sent === this.#head
    const now = this.#clock.monotonicMs()
    while (this.#sent < this.#queue.length) {
      const exchange = this.#queue[this.#sent] as Exchange
      const { mark } = this.#outbox
      try {
        this.#write(exchange, now)
        this.#sent += 1
      } catch (error) {
        // Half a message must reach nobody: the outbox serves other connections, too.
        this.#outbox.rewind(mark)
        this.#queue.splice(this.#sent, 1)
        if (exchange.parses && exchange.prepared) this.#prepared.forget(exchange.prepared)
        exchange.error = error as Error
        exchange.answered(exchange)
      }
    }
    if (this.pending === 0) this.#tellDrained()
    if (this.#outbox.mark === 0) return
    // What was asked for while this process was busy is only now on its way.
    if (isFirst) this.workingSince = now
    this.#client.connection.stream.write(this.#outbox.take())
  }

  #write(exchange: Exchange, now: number): void {
    const { call, begin } = exchange
    const { text, values, isNamed, isControl, isProbe, comment } = call
    const outbox = this.#outbox
    for (const name of this.#toClose.splice(0)) outbox.closeStatement(name)
    if (isControl && begin === undefined) return outbox.query(text)
    if (begin !== undefined) this.#writeBegin(exchange, begin, now)
    const known = isNamed ? this.#nameFor(exchange, now) : undefined
    exchange.prepared = known
    exchange.shape = known?.shape
    const name = known?.name ?? ''
    if (exchange.parses) outbox.parse(name, text)
    else if (!known) outbox.parse(name, comment ? text + comment : text)
    if (exchange.parses) outbox.describeStatement(name)
    if (!isProbe) {
      if (known) exchange.run = known.runs += 1
      outbox.bind(name, values)
      if (!exchange.shape && !exchange.parses) outbox.describePortal()
      outbox.execute()
    }
    outbox.sync()
  }

  /** The prepared statement to use, or to make. Undefined: it goes without a name. */
  #nameFor(exchange: Exchange, now: number): Prepared | undefined {
    const { text } = exchange.call
    const known = this.#prepared.find(text)
    if (known && !this.#prepared.isOld(known, now)) {
      // Somebody else's Parse may be on its way, and may fail: go without the name.
      return known.isParsed ? known : undefined
    }
    if (known) this.#drop(known)
    const { prepared, evicted } = this.#prepared.add(text, now)
    if (evicted) this.#outbox.closeStatement(evicted.name)
    exchange.parses = true
    return prepared
  }

  #drop(prepared: Prepared): void {
    this.#prepared.forget(prepared)
    this.#outbox.closeStatement(prepared.name)
  }

  /** Without a Sync: what follows belongs to it. */
  #writeBegin(exchange: Exchange, begin: string, now: number): void {
    if (exchange.isRepeated && this.#client._txStatus !== 'I') {
      exchange.tagsAhead = 2 // the first attempt left a failed transaction, with nothing in it
      this.#outbox.parse('', 'ROLLBACK')
      this.#outbox.bind('', [])
      this.#outbox.execute()
    }
    let known = exchange.call.isBeginNamed ? this.#prepared.find(begin) : undefined
    if (!known && exchange.call.isBeginNamed) {
      const { prepared, evicted } = this.#prepared.add(begin, now)
      if (evicted) this.#outbox.closeStatement(evicted.name)
      this.#outbox.parse(prepared.name, begin)
      known = prepared
    }
    if (!known) this.#outbox.parse('', begin)
    exchange.preparedBegin = known
    this.#outbox.bind(known?.name ?? '', [])
    this.#outbox.execute()
  }

  #read(chunk: Buffer): void {
    const bytes = this.#joiner.join(chunk)
    if (!bytes) return
    this.heardAt = this.#clock.monotonicMs()
    let at = 0
    let driversFrom = -1
    while (at + HEADER_BYTES <= bytes.length) {
      const next = at + frameLength(bytes, at)
      if (next > bytes.length) break
      const code = bytes[at] as number
      const isDrivers = this.#head >= this.#sent || isAside(code)
      if (isDrivers && driversFrom < 0) driversFrom = at
      if (!isDrivers) {
        if (driversFrom >= 0) this.#driverReads(bytes.subarray(driversFrom, at))
        driversFrom = -1
        this.#take(code, bytes, at + HEADER_BYTES, next)
      }
      at = next
    }
    if (driversFrom >= 0 && at > driversFrom) this.#driverReads(bytes.subarray(driversFrom, at))
    if (at < bytes.length) this.#joiner.keep(bytes.subarray(at))
  }

  /** One message of the answer to the statement at the head. */
  #take(code: number, bytes: Buffer, from: number, to: number): void {
    const exchange = this.#queue[this.#head] as Exchange
    switch (code) {
      case MESSAGE.dataRow:
        return exchange.addRow(bytes, from, this.#client)
      case MESSAGE.bindComplete:
      case MESSAGE.closeComplete:
      case MESSAGE.emptyQuery:
        return
      case MESSAGE.commandComplete:
        return exchange.complete(bytes.toString('latin1', from, to - 1))
      case MESSAGE.readyForQuery:
        return this.#ready(exchange, bytes[from] as number)
      case MESSAGE.parseComplete:
        if (exchange.tagsAhead === 1 && exchange.preparedBegin) exchange.preparedBegin.isParsed = true
        else if (exchange.tagsAhead === 0 && exchange.parses && exchange.prepared)
          exchange.prepared.isParsed = true
        return
      case MESSAGE.parameterDescription:
        if (exchange.prepared) exchange.prepared.types = readTypes(bytes, from)
        return
      case MESSAGE.rowDescription:
        exchange.shape = readShape(bytes, from)
        if (exchange.prepared) exchange.prepared.shape = exchange.shape
        return
      case MESSAGE.noData:
        exchange.shape = NO_ROWS
        if (exchange.prepared) exchange.prepared.shape = NO_ROWS
        return
      case MESSAGE.error:
        exchange.error = readServerError(bytes, from)
        if (exchange.parses && exchange.prepared?.isParsed === false) this.#prepared.forget(exchange.prepared)
        if (exchange.tagsAhead === 1 && exchange.preparedBegin) this.#prepared.forget(exchange.preparedBegin)
        return
      default:
        return this.#breakOff(new Error(`unexpected message ${String.fromCharCode(code)} from the server`))
    }
  }

  #breakOff(error: Error): void {
    this.#client.connection.stream.destroy(error)
    this.fail(error)
  }

  #ready(exchange: Exchange, status: number): void {
    this.#client._txStatus = String.fromCharCode(status) as 'I' | 'T' | 'E'
    this.workedMs = this.heardAt - this.workingSince
    this.workingSince = this.heardAt
    this.#queue[this.#head] = undefined as unknown as Exchange // the answer is the caller's now
    this.#head += 1
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0
      this.#head = 0
      this.#sent = 0
    } else if (this.#head > 1_000) {
      this.#queue.splice(0, this.#head)
      this.#sent -= this.#head
      this.#head = 0
    }
    if (exchange.error) this.#fails(exchange, exchange.error)
    else exchange.answered(exchange)
    if (this.#onDrained.length > 0 && this.pending === 0) this.#tellDrained()
  }

  #tellDrained(): void {
    for (const tell of this.#onDrained.splice(0)) tell()
  }

  #fails(exchange: Exchange, error: Error): void {
    this.#refused(error)
    const kept = exchange.parses ? undefined : exchange.prepared
    const doubt = kept && doubtOf(error)
    if (kept && doubt) {
      this.#prepared.forget(kept)
      this.#toClose.push(kept.name)
    }
    if (doubt === 'changed') schemaChanged()
    const isUnrun = doubt === 'changed' || doubt === 'unknown' || lostBegin(exchange)
    if (isUnrun && this.#mayRepeat(exchange)) this.#repeat(exchange)
    else if (kept && doubt === 'possible' && this.#client._txStatus === 'I' && this.#mayRepeat(exchange))
      this.#probe(exchange, kept)
    else {
      if (doubt === 'changed') Object.assign(error, { hint: CHANGED })
      exchange.answered(exchange)
    }
  }

  #repeat(exchange: Exchange): void {
    exchange.repeat()
    this.#enqueue(exchange)
  }

  /**
   * Nothing of it was done, or can be undone: outside a transaction, at the very beginning of one, or where one has only looked so far
   * and nothing else is on its way in it. Then it is prepared afresh and sent again, once.
   */
  #mayRepeat({ isRepeated, call }: Exchange): boolean {
    if (isRepeated || call.isSettled || call.isProbe) return false
    if (this.#client._txStatus === 'I' || call.begin !== undefined) return true
    return call.restart !== undefined && this.pending === 0
  }

  /**
   * It failed with what is the caller's fault, mostly. Only where it means something else by now is it run again: the types of its
   * parameters stay what they were when it was prepared.
   */
  #probe(exchange: Exchange, before: Prepared): void {
    const { text } = exchange.call
    const asking = this.#probed.get(text)
    if (asking) return void asking.push({ exchange, before })
    const doubtful = [{ exchange, before }]
    this.#probed.set(text, doubtful)
    const asked = { text, values: [], isArrayMode: false, types: undefined, isNamed: true, isProbe: true }
    this.#enqueue(
      new Exchange(asked, ({ prepared, error }) => {
        this.#probed.delete(text)
        for (const one of doubtful) {
          const isSame = error !== undefined || prepared === undefined || !isOther(one.before, prepared)
          if (isSame) one.exchange.answered(one.exchange)
          else this.#repeat(one.exchange)
          if (!isSame) schemaChanged()
        }
      }),
    )
  }
}
