import type { DialectName } from '../../../src/completion/request.ts';

/** One SDK behind a face that all have, so that a table can ask the same of each. What is behind it is how the SDK's own
 *  documentation says to do it: its own loop over tools where it has one, its own way to name a schema. */
export interface SdkClient {
  /** Runs until the model calls no more tools. */
  ask(question: Question): Promise<Told>;
  /** What the SDK raised, as its users tell errors apart. */
  describe(error: unknown): Raised;
  /** Absent where the SDK has no list of models. */
  models?(): Promise<readonly string[]>;
}

export interface SdkKind {
  readonly name: string;
  readonly dialect: DialectName;
  connect(access: Access): Promise<SdkClient>;
}

export interface Access {
  /** Of the gateway, without a path. */
  readonly url: string;
  readonly apiKey: string;
}

export interface Question {
  readonly model: string;
  readonly prompt: string;
  readonly system?: string;
  readonly stream?: boolean;
  readonly tools?: readonly Tool[];
  /** The answer has to conform to it. */
  readonly schema?: ObjectSchema;
  /** Base64 of a PNG. */
  readonly image?: string;
  readonly signal?: AbortSignal;
  /** Told of each piece of a streamed answer. */
  readonly onText?: (text: string) => void;
}

export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly schema: ObjectSchema;
  readonly result: string;
}

export interface ObjectSchema {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, unknown>>;
  readonly required: readonly string[];
  readonly additionalProperties: false;
}

export interface Told {
  /** Of the last answer. */
  readonly text: string;
  /** Of all answers, in order. */
  readonly calls: readonly Call[];
  /** In the SDK's own word, of the last answer; undefined where it does not tell. */
  readonly finish: string | undefined;
  /** Of the last answer: all of its input tokens, cached ones included, and all of its output tokens. Undefined of a
   *  stream whose usage the SDK did not ask for. */
  readonly usage: Tokens | undefined;
}

export interface Call {
  readonly name: string;
  readonly input: unknown;
}

export interface Tokens {
  readonly input: number;
  readonly output: number;
}

export interface Raised {
  /** Name of the error's class. */
  readonly type: string;
  /** HTTP status, as the SDK tells it. */
  readonly status: number | undefined;
  readonly message: string;
}

/** Long enough for every answer that is asked for, and less than any model can. */
export const outputTokensMax = 500;
const turnsMax = 5;

/** Loads a package that is installed here, and nowhere else; its types are not known, since a checkout without it is
 *  checked as well. */
export function load(name: string) {
  return import(name);
}

/** Asks again with the results of the calls, for SDKs that leave this to their users. */
export async function untilNoCalls<Turn>(
  first: readonly Turn[],
  tools: readonly Tool[],
  ask: (turns: readonly Turn[]) => Promise<Answer<Turn>>,
): Promise<Told> {
  const calls: Call[] = [];
  let turns = first;
  for (let turn = 1; turn <= turnsMax; turn++) {
    const answer = await ask(turns);
    if (answer.calls.length === 0) return { ...answer, calls };
    calls.push(...answer.calls.map(({ name, input }) => ({ name, input })));
    const results = answer.calls.map(call => {
      const tool = tools.find(({ name }) => name === call.name);
      if (tool === undefined) throw new Error(`nobody gave the model a tool ${call.name}`);
      return { ...call, result: tool.result };
    });
    turns = [...turns, ...answer.next(results)];
  }
  throw new Error(`the model still calls tools after ${turnsMax} turns`);
}

export interface Answer<Turn> extends Omit<Told, 'calls'> {
  readonly calls: readonly CallWithId[];
  /** The answer itself and the results of its calls, as they are said to the model. */
  next(results: readonly CallResult[]): readonly Turn[];
}

export interface CallWithId extends Call {
  readonly id: string;
}

export interface CallResult extends CallWithId {
  readonly result: string;
}

export function raised(error: unknown, status: (error: Failure) => unknown): Raised {
  if (!(error instanceof Error)) throw error;
  const told = status(error as Failure);
  return {
    type: error.constructor.name,
    status: typeof told === 'number' ? told : undefined,
    message: error.message,
  };
}

/** An error of any SDK: its fields are its own. */
type Failure = ReturnType<typeof JSON.parse>;
