import { isDark } from '../../style/theme.ts'

/** The colours that a canvas needs, as the style sheet has them. */
export interface ChartColours {
  readonly line: string
  readonly ink: string
  readonly series: Readonly<Record<Tone, string>>
}

export type Tone = 'c1' | 'c2' | 'c3' | 'c4'
const TONES: readonly Tone[] = ['c1', 'c2', 'c3', 'c4']

/** Reads the colours of the theme that is seen. A canvas does not know custom properties: an element resolves them. */
export function chartColours(near: HTMLElement): ChartColours {
  void isDark.value // whoever reads colours is told when they change
  const probe = document.createElement('i')
  near.append(probe)
  const resolve = (name: string): string => {
    probe.style.color = `var(--${name})`
    return getComputedStyle(probe).color
  }
  const colours = {
    line: resolve('line'),
    ink: resolve('ink-3'),
    series: Object.fromEntries(TONES.map((tone) => [tone, resolve(tone)])) as Record<Tone, string>,
  }
  probe.remove()
  return colours
}
