import { flag, integer, oneOf, type OptionValues, text } from '../core/index.ts'

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
