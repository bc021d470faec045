import { hash } from 'node:crypto';
import type { CallIdForm } from '../completion/profile.ts';

/** Ids of tool calls in the form that an API takes: an id that fits stays as it is; any other becomes one that fits, always
 *  the same one, and no two become one. */
export function fitCallId(id: string, form: CallIdForm): string {
  return form.pattern.test(id) ? id : hashedId(id, form);
}

/** 136 bits of hex and 53 of nine letters: within a conversation no collision is found by accident, and one that was made
 *  on purpose is seen by the classes below. */
function hashedId(text: string, { prefix, digest }: CallIdForm): string {
  const bytes = hash('sha256', text, 'buffer');
  if (digest.alphabet === 'hex') return prefix + bytes.toString('hex').slice(0, digest.letters);
  let letters = '';
  for (let index = 0; index < digest.letters; index += 1) letters += alphanumeric[bytes[index]! % alphanumeric.length];
  return prefix + letters;
}

const alphanumeric = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Ids of one request. Some clients count their calls anew in each turn, so an id may name several calls: every later
 *  one gets an id of its own. A result belongs to the latest turn with a call of its id, and there to the first that has
 *  none. */
export class RequestCallIds {
  readonly #form: CallIdForm;
  /** Calls without a result so far, in order, by the client's id. */
  readonly #waiting = new Map<string, { readonly turn: number; readonly ids: string[] }>();
  readonly #used = new Set<string>();
  /** Where the search for a free id goes on, of ids that occur several times. */
  readonly #again = new Map<string, number>();

  constructor(form: CallIdForm) {
    this.#form = form;
  }

  ofCall(id: string, turn: number): string {
    let fitting = fitCallId(id, this.#form);
    let again = this.#again.get(id) ?? 1;
    for (; this.#used.has(fitting); again += 1) fitting = hashedId(`${id}\n${again}`, this.#form);
    if (again > 1) this.#again.set(id, again);
    this.#used.add(fitting);
    const waiting = this.#waiting.get(id);
    if (waiting?.turn === turn) waiting.ids.push(fitting);
    else this.#waiting.set(id, { turn, ids: [fitting] });
    return fitting;
  }

  /** undefined when no call of this id waits for a result. */
  ofResult(id: string): string | undefined {
    return this.#waiting.get(id)?.ids.shift();
  }
}

/** Ids of the calls in one answer; a provider that gives none, or one twice, gets them from the exchange. */
export class AnswerCallIds {
  readonly #form: CallIdForm;
  readonly #exchangeId: string;
  readonly #used = new Set<string>();

  constructor(form: CallIdForm, exchangeId: string) {
    this.#form = form;
    this.#exchangeId = exchangeId;
  }

  ofCall(id: string): string {
    let fitting =
      id === '' ? hashedId(`${this.#exchangeId}\n${this.#used.size}`, this.#form) : fitCallId(id, this.#form);
    while (this.#used.has(fitting))
      fitting = hashedId(`${this.#exchangeId}\n${this.#used.size}\n${fitting}`, this.#form);
    this.#used.add(fitting);
    return fitting;
  }
}
