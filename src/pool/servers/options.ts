import { custom, flag, integer, text } from '../../core/index.ts'
import { TARGETS, type TargetSessionAttrs } from './role.ts'
import { SSL_MODES, type SslMode } from './tls.ts'

const DAY_MS = 86_400_000

function optional<const Word extends string>(words: readonly Word[], spec: { doc: string; env: string }) {
  return custom<Word | undefined>({
    ...spec,
    default: undefined,
    accepts: `one of ${words.join(', ')}`,
    parse: (input) => words.find((word) => word === input),
  })
}

/** Options about the server at the other end: which of several, how to trust it, what its sessions are like. */
export const SERVER_OPTIONS = {
  targetSessionAttrs: optional<TargetSessionAttrs>(TARGETS, {
    doc: 'What a session must be able to do; a server that is something else is passed over. Default: target_session_attrs of the URL, else any.',
    env: 'DB_TARGET_SESSION_ATTRS',
  }),
  hostTimeoutMs: integer({
    doc: 'How long one attempt to connect may take where the URL names several hosts.',
    default: 2_000,
    min: 1,
    max: DAY_MS,
    env: 'HOLDFAST_POOL_HOST_TIMEOUT_MS',
  }),
  failoverMs: integer({
    doc: 'How long callers wait while none of several hosts can be used; then they are told at once.',
    default: 10_000,
    min: 0,
    max: DAY_MS,
    env: 'HOLDFAST_POOL_FAILOVER_MS',
  }),
  sslMode: optional<SslMode>(SSL_MODES, {
    doc: "Encryption, in libpq's words and with their meaning there. Default: the driver's reading of the URL; verify-full in production where createHoldfast makes the pool.",
    env: 'DB_SSL_MODE',
  }),
  sslRootCert: text({
    doc: "File with the certificates that sign the server's, or system. Used with sslMode.",
    default: undefined,
    env: 'DB_SSL_ROOT_CERT',
  }),
  statementTimeoutMs: integer({
    doc: 'Time limit of each statement, kept by the server (statement_timeout).',
    default: undefined,
    min: 0,
    max: DAY_MS,
    env: 'DB_STATEMENT_TIMEOUT_MS',
  }),
  jitOff: flag({
    doc: 'Start sessions with jit=off: compiling costs more than it gains on short statements.',
    default: false,
    env: 'DB_JIT_OFF',
  }),
} as const
