import { sqlParser } from '../../core/index.ts'
import { createHash } from 'node:crypto'

/** As many as PostgreSQL keeps by default. */
const MOST_KEPT = 5_000

/**
 * Fingerprints of statements: the same for those that differ only in values and layout, on every server and version, where PostgreSQL's
 * queryid changes with an upgrade. By queryid, each made once.
 */
export class Fingerprints {
  readonly #known = new Map<string, string>()

  /** Those of these ids that are not known yet. */
  unknown(ids: Iterable<string>): string[] {
    return [...ids].filter((id) => !this.#known.has(id))
  }

  /** Undefined until its text was seen. */
  of(id: string): string | undefined {
    return this.#known.get(id)
  }

  async learn(texts: ReadonlyMap<string, string>): Promise<void> {
    for (const [id, text] of texts) this.#known.set(id, await fingerprintOf(text))
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST_KEPT) break
      this.#known.delete(oldest)
    }
  }
}

/** Longer ones are made by programs, and nested so deeply as no parser likes it. */
const LONGEST_PARSED = 16_000

/** Of a text that PostgreSQL's grammar does not take, for it was cut short, or that is very long, a hash stands for it. */
export async function fingerprintOf(text: string): Promise<string> {
  const hash = (): string => createHash('sha256').update(text).digest('hex').slice(0, 16)
  if (text.length > LONGEST_PARSED) return hash()
  const { fingerprint } = await sqlParser()
  try {
    return fingerprint(text)
  } catch {
    return hash()
  }
}
