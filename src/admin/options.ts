import { custom, flag, integer, oneOf, type OptionValues, text } from '../core/index.ts'

/** Texts that each look like `pattern`, as a list or with commas between them. */
const listOf =
  (pattern: RegExp) =>
  (input: unknown): readonly string[] | undefined => {
    const parts = typeof input === 'string' ? input.split(',').map((part) => part.trim()) : input
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string' && pattern.test(part))
      ? (parts as string[])
      : undefined
  }

/** Options of the HTTP server behind `holdfast serve`. */
export const ADMIN_OPTIONS = {
  host: text({
    doc: 'Address that the HTTP API binds to. Anything but loopback needs HTTPS in front, or insecure.',
    default: '127.0.0.1',
    env: 'HOLDFAST_ADMIN_HOST',
    accepts: 'an IP address or a host name',
  }),
  port: integer({
    doc: 'Port of the HTTP API; 0 takes any that is free.',
    default: 4_600,
    min: 0,
    max: 65_535,
    env: 'HOLDFAST_ADMIN_PORT',
  }),
  insecure: flag({
    doc: 'Serve plain HTTP on an address that is not loopback.',
    default: false,
    env: 'HOLDFAST_ADMIN_INSECURE',
  }),
  hosts: custom<readonly string[]>({
    doc: 'Names that the API is asked under, besides localhost and addresses; other names are refused.',
    default: [],
    env: 'HOLDFAST_ADMIN_HOSTS',
    accepts: 'host names without port, with commas between them',
    parse: listOf(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i),
  }),
  trustProxy: custom<readonly string[]>({
    doc: 'Addresses of proxies whose x-forwarded-* headers are believed: who asks, by which name, over HTTPS. With one, people sign in over HTTPS only.',
    default: [],
    env: 'HOLDFAST_ADMIN_TRUST_PROXY',
    accepts: 'IP addresses or ranges (10.0.0.0/8), with commas between them',
    parse: listOf(/^[0-9a-f.:]+(\/\d{1,3})?$/i),
  }),
  metricsToken: text({
    doc: 'What Prometheus sends as a bearer token to read /metrics; it opens nothing else.',
    default: undefined,
    env: 'HOLDFAST_METRICS_TOKEN',
    isSecret: true,
    pattern: /^[\w-]{20,200}$/,
    accepts: '20 to 200 letters, digits, - and _',
  }),
  logLevel: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
    doc: 'Least level of the structured log on stderr.',
    default: 'warn',
    env: 'HOLDFAST_LOG_LEVEL',
  }),
} as const

/** Resolved options of the HTTP server. */
export type AdminOptions = OptionValues<typeof ADMIN_OPTIONS>
