/** A conversation as far as directives go: who spoke, and what a user said. */
export interface Turn {
  readonly role: 'user' | 'assistant';
  readonly text: string;
}

const stepStart = /^[ \t]*step (\d{1,3}):/gim;

/** What the model does now. A prompt whose lines begin with `step 1:`, `step 2:` … is followed over as many turns of the
 *  model, whatever programs say between them (agents put reminders there); undefined when no such prompt is under way. */
export function currentStep(turns: readonly Turn[]): string | undefined {
  const at = turns.findLastIndex(turn => turn.role === 'user' && /^[ \t]*step 1:/im.test(turn.text));
  if (at === -1) return undefined;
  const steps = readSteps(turns[at]!.text);
  const taken = turns.slice(at + 1).filter(turn => turn.role === 'assistant').length;
  // Steps that are done leave the floor to whoever spoke after them; when nobody did, there is nothing left to ask.
  if (taken < steps.length) return steps[taken];
  return turns.slice(at + 1).some(turn => turn.role === 'user' && turn.text !== '') ? undefined : '';
}

/** The texts behind `step 1:`, `step 2:` … as far as the numbers go up by one. */
function readSteps(prompt: string): string[] {
  const starts = [...prompt.matchAll(stepStart)].filter((match, index) => Number(match[1]) === index + 1);
  return starts.map((match, index) => prompt.slice(match.index + match[0].length, starts[index + 1]?.index));
}
