import { confirmationMissing } from './errors.ts'
import type { Session } from './session.ts'

/**
 * For what cannot be undone: the object's name must be typed, or given as `--confirm=<name>`.
 * @throws HF_CLI_CONFIRMATION
 */
export async function confirmByName(
  session: Session,
  name: string,
  given: string | undefined,
  question: string,
): Promise<void> {
  if (given === name) return
  if (given !== undefined || !session.mayAsk) throw confirmationMissing(name, given)
  const { isCancel, text } = await import('@clack/prompts')
  const answer = await text({ message: `${question} Type "${name}" to go on.`, output: process.stderr })
  if (isCancel(answer) || answer !== name) throw confirmationMissing(name)
}
