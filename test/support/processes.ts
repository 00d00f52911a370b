import { execFileSync } from 'node:child_process'
import { expect } from 'vitest'

/** Processes whose command line holds this text, zombies left out. */
export function processesOf(text: string): number[] {
  return execFileSync('ps', ['-eww', '-o', 'pid=,stat=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line))
    .filter(
      (match) =>
        match !== null &&
        !match[2]?.startsWith('Z') &&
        match[3]?.includes(text) &&
        !match[3].startsWith('ps '),
    )
    .map((match) => Number(match?.[1]))
}

/** Waits until nothing runs on this folder any more: no server, no watcher. */
export async function expectNothingLeft(directory: string): Promise<void> {
  await expect.poll(() => processesOf(directory), { interval: 50 }).toEqual([])
}

/** The processes that this one started. */
export function childrenOf(pid: number): number[] {
  return execFileSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child as number)
}
