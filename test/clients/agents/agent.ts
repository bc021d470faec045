import type { DialectName } from '../../../src/completion/request.ts';
import type { AgentCommand, AgentEnd, Place } from '../run-agent.ts';

/** A coding agent that has to write a file, read it, run a command and say that it is done, by the steps that the
 *  emulator's model follows: three answers, two of which call the agent's own tools. */
export interface Agent {
  readonly name: string;
  readonly dialect: DialectName;
  /** The first two steps of the task in the names of the agent's tools: `tariff.txt` in its folder is to hold a line of
   *  `equal terms`; then to be read, and shown by a command. */
  steps(place: Place, model: string): readonly [string, string];
  command(job: Job, place: Place): AgentCommand;
  /** What it told its user in the end. */
  said(end: AgentEnd): string | undefined;
  /** Hosts that it asks for beside the gateway whatever its settings say; being refused does not stop it. */
  readonly asksBeside: readonly string[];
  /** Dialects of the providers that it is tried over; all unless said. */
  readonly over?: readonly DialectName[];
}

export interface Job {
  /** Of the gateway, without a path. */
  readonly url: string;
  readonly apiKey: string;
  readonly model: string;
  readonly prompt: string;
}

export function taskOf(agent: Agent, place: Place, model: string): string {
  const [first, second] = agent.steps(place, model);
  return [
    'Write down the tariff.',
    `step 1: ${first}`,
    `step 2: ${second}`,
    'step 3: say exactly: The tariff is written.',
  ].join('\n');
}

export function call(tool: string, input: object): string {
  return `call the tool ${tool} with ${JSON.stringify(input)}`;
}
