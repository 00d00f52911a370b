import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { cursorExpired, cursorInvalid, cursorKeysInvalid } from '../errors.ts'
import { SHORTEST_SECRET } from '../options.ts'

const VERSION = 1
const KEY_ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES
/** Far more than a few values take; what is longer was not made here. */
const LONGEST = 1_000_000

interface Key {
  readonly id: Buffer
  readonly secret: Buffer
}

/**
 * Seals positions into cursors that their bearer can neither read nor change: AES-256-GCM with a random nonce, under
 * a key derived from a secret by HKDF-SHA256. A cursor is base64url of a version byte, the key's id, the nonce, the
 * ciphertext and the tag.
 *
 * @example
 * // `openssl rand -base64 32` makes one. The first seals; the others still open what they sealed.
 * const cursors = new CursorKeys([process.env.CURSOR_KEY, process.env.OLD_CURSOR_KEY])
 */
export class CursorKeys {
  readonly #keys: readonly Key[]

  /**
   * @param secrets of at least 32 characters; without any, a random one: its cursors end with the process.
   * @throws HF_OPTION_INVALID
   */
  constructor(secrets?: readonly (string | undefined)[]) {
    const given = secrets?.filter((secret) => secret !== undefined)
    if (given?.length === 0 || given?.some((secret) => secret.length < SHORTEST_SECRET))
      throw cursorKeysInvalid(SHORTEST_SECRET)
    this.#keys = (given ?? [randomBytes(32)]).map(derive)
  }

  /** Seals a text. */
  seal(text: string): string {
    const { id, secret } = this.#keys[0] as Key
    const nonce = randomBytes(NONCE_BYTES)
    const head = Buffer.concat([Buffer.of(VERSION), id, nonce])
    const cipher = createCipheriv('aes-256-gcm', secret, nonce).setAAD(head)
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return Buffer.concat([head, sealed, cipher.getAuthTag()]).toString('base64url')
  }

  /**
   * Opens what one of its keys sealed.
   * @throws HF_CURSOR_INVALID; HF_CURSOR_EXPIRED when its key is none of these.
   */
  open(cursor: unknown): string {
    if (typeof cursor !== 'string' || cursor.length > LONGEST) throw cursorInvalid()
    const bytes = Buffer.from(cursor, 'base64url')
    // Decoding passes over what is not base64url; of one cursor there shall be one spelling.
    if (bytes.toString('base64url') !== cursor) throw cursorInvalid()
    if (bytes.length < HEAD_BYTES + TAG_BYTES || bytes[0] !== VERSION) throw cursorInvalid()
    const id = bytes.subarray(1, 1 + KEY_ID_BYTES)
    const key = this.#keys.find((candidate) => candidate.id.equals(id))
    if (!key) throw cursorExpired()
    const nonce = bytes.subarray(1 + KEY_ID_BYTES, HEAD_BYTES)
    const decipher = createDecipheriv('aes-256-gcm', key.secret, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(bytes.subarray(0, HEAD_BYTES)).setAuthTag(bytes.subarray(-TAG_BYTES))
    try {
      const opened = decipher.update(bytes.subarray(HEAD_BYTES, -TAG_BYTES))
      return Buffer.concat([opened, decipher.final()]).toString('utf8')
    } catch {
      throw cursorInvalid() // the tag does not fit: there is nothing more to tell
    }
  }
}

function derive(secret: string | Buffer): Key {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'holdfast cursor 1', 32))
  return { id: createHash('sha256').update(key).digest().subarray(0, KEY_ID_BYTES), secret: key }
}
