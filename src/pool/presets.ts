/** Sizes that practice has found, by the kind of service; see docs/guides/pool.md. */
export const PRESETS = {
  small: { size: 5, overflow: 10 },
  medium: { size: 10, overflow: 20 },
  large: { size: 20, overflow: 40 },
  busy: { size: 20, overflow: 30 },
  'async-production': { size: 70, overflow: 120 },
  production: { size: 100, overflow: 200, acquireTimeoutMs: 60_000 },
} as const satisfies Readonly<Record<string, PresetValues>>

interface PresetValues {
  readonly size: number
  readonly overflow: number
  readonly acquireTimeoutMs?: number
}

export type PresetName = keyof typeof PRESETS
export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[]

/** The values with those of their preset, where nobody said anything else. @param sources who decided each */
export function withPreset<Values extends { readonly preset?: PresetName | undefined }>(
  values: Values,
  sources: Readonly<Record<string, string>>,
): { values: Values; sources: Readonly<Record<string, string>> } {
  const { preset } = values
  if (preset === undefined) return { values, sources }
  const given = Object.entries(PRESETS[preset]).filter(([name]) => sources[name] === 'default')
  return {
    values: { ...values, ...Object.fromEntries(given) },
    sources: { ...sources, ...Object.fromEntries(given.map(([name]) => [name, `preset ${preset}`])) },
  }
}
