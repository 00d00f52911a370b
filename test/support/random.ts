/** The seed of this run's random tests; set HOLDFAST_TEST_SEED to replay one. */
export const SEED = Number(process.env.HOLDFAST_TEST_SEED ?? Date.now() % 1_000_000)

/** xorshift: small, and the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
