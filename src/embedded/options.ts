import { integer, type OptionValues, text } from '../core/index.ts'

/** Options of the embedded PostgreSQL. */
export const EMBEDDED_OPTIONS = {
  directory: text({
    doc: 'Folder of the embedded PostgreSQL: its data, log and state.',
    default: '.holdfast',
    env: 'HOLDFAST_EMBEDDED_DIRECTORY',
    accepts: 'a path',
  }),
  port: integer({
    doc: 'Port of the embedded PostgreSQL on 127.0.0.1; 0 takes the last used one, or any that is free.',
    default: 0,
    min: 0,
    max: 65_535,
    env: 'HOLDFAST_EMBEDDED_PORT',
  }),
  user: text({
    doc: 'Operating system user that runs the embedded PostgreSQL when Holdfast itself runs as root.',
    default: 'holdfast',
    env: 'HOLDFAST_EMBEDDED_USER',
    pattern: /^[a-z_][a-z0-9_-]{0,31}$/,
    accepts: 'a system user name: lower-case letters, digits, _ and -, at most 32',
  }),
} as const

/** Resolved options of the embedded PostgreSQL. */
export type EmbeddedOptions = OptionValues<typeof EMBEDDED_OPTIONS>
