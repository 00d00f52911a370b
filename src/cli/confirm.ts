import { inOneLine } from '../core/index.ts'
import { confirmationMissing, unconfirmed } from './errors.ts'
import type { Session } from './session.ts'
import type { Lines } from './output.ts'

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
  const answer = await text({
    // Another way to the terminal than ours: what stands in the name is shown, not obeyed.
    message: inOneLine(`${question} Type "${name}" to go on.`),
    output: process.stderr,
  })
  if (isCancel(answer) || answer !== name) throw confirmationMissing(name)
}

/**
 * Asks whether what was shown is to be done.
 * @param plan its hash, for whoever cannot be asked
 * @throws HF_CLI_CONFIRMATION where nobody can be asked, or the answer is no
 */
export async function confirmPlan(session: Session, shown: Lines, plan?: string): Promise<void> {
  const instead = plan === undefined ? '--yes' : `--plan ${plan} once you have looked at it, or --yes`
  if (!session.mayAsk) throw unconfirmed(instead)
  session.out.say(shown)
  const { confirm, isCancel } = await import('@clack/prompts')
  const answer = await confirm({ message: 'Do it?', initialValue: false, output: process.stderr })
  if (isCancel(answer) || !answer) throw unconfirmed(instead)
}
