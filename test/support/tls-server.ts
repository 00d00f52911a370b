import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { vi } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { startServer } from './servers.ts'

/** A server that encrypts, with a certificate for `localhost` that an authority of its own has signed. */
export interface TlsServer extends AsyncDisposable {
  readonly server: EmbeddedServer
  /** File with the authority's certificate. */
  readonly authority: string
  /** File with the certificate of an authority that has signed nothing here. */
  readonly stranger: string
  /** Files of a certificate for a client, `service`, that the authority has signed. */
  readonly client: { readonly cert: string; readonly key: string }
  /** Whom the server lets in: `hostssl` only who encrypts, `hostnossl` only who does not. */
  letIn(kind: 'host' | 'hostssl' | 'hostnossl'): Promise<void>
}

/** @param folder for keys and certificates. */
export async function startTlsServer(folder: string): Promise<TlsServer> {
  const server = await startServer()
  // Stays in, whatever the rules become.
  const admin = new pg.Client(server.url)
  await admin.connect()
  const loadedAt = async (): Promise<number> =>
    (await admin.query('SELECT pg_conf_load_time() AS at')).rows[0].at.getTime()
  /** New sessions follow the new settings once an old one has heard of them. */
  const reload = async (): Promise<void> => {
    const before = await loadedAt()
    await admin.query('SELECT pg_reload_conf()')
    await vi.waitUntil(async () => (await loadedAt()) > before, { timeout: 60_000, interval: 5 })
  }
  const data: string = (await admin.query('SHOW data_directory')).rows[0].data_directory
  const [authority, stranger] = [makeAuthority(folder, 'authority'), makeAuthority(folder, 'stranger')]
  sign(folder, 'server', 'localhost', 30)
  sign(folder, 'client', 'service', 90)
  const owner = statSync(data)
  for (const name of ['server.crt', 'server.key']) {
    const file = join(data, name)
    copyFileSync(join(folder, name), file)
    chmodSync(file, 0o600)
    chownSync(file, owner.uid, owner.gid)
  }
  await admin.query('ALTER SYSTEM SET ssl = on')
  await reload()
  const access = join(data, 'pg_hba.conf')
  const everybody = readFileSync(access, 'utf8')
  return {
    server,
    authority,
    stranger,
    client: { cert: join(folder, 'client.crt'), key: join(folder, 'client.key') },
    async letIn(kind) {
      const rules = `${kind} all all 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 reject\n`
      writeFileSync(access, kind === 'host' ? everybody : rules)
      await reload()
    },
    async [Symbol.asyncDispose]() {
      await admin.end()
      await server.stop()
    },
  }
}

function openssl(folder: string, ...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
}

function makeAuthority(folder: string, name: string): string {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`]
  const how = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '60']
  openssl(folder, 'req', ...how, '-subj', `/CN=${name}`, ...files)
  return join(folder, `${name}.crt`)
}

function sign(folder: string, file: string, name: string, days: number): void {
  const how = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', `/CN=${name}`]
  openssl(folder, 'req', ...how, '-keyout', `${file}.key`, '-out', `${file}.csr`)
  writeFileSync(join(folder, 'names'), `subjectAltName=DNS:${name}`)
  const signer = ['-CA', 'authority.crt', '-CAkey', 'authority.key', '-CAcreateserial', '-days', String(days)]
  openssl(folder, 'x509', '-req', '-in', `${file}.csr`, ...signer, '-extfile', 'names', '-out', `${file}.crt`)
}
