/** What a browser has when it has signed in, and sends along from then on. */
export interface SignedInHeaders {
  readonly cookie: string
  readonly key: string
}

/** The secret of a link or of its path. */
export const secretOf = (link: string): string => link.split('#token=')[1] ?? ''

/** Signs in as a page does that was opened by a link. */
export async function signInAt(url: string, link: string): Promise<SignedInHeaders> {
  const response = await fetch(`${url}/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: secretOf(link) }),
  })
  if (response.status !== 201) throw new Error(`signing in was answered with ${response.status}`)
  const { key } = (await response.json()) as { key: string }
  return { cookie: (response.headers.get('set-cookie') ?? '').split(';')[0] as string, key }
}
