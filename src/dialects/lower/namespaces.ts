import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { Block, CompletionRequest, ToolChoice, ToolDefinition } from '../../completion/request.ts';
import { plainForm, type ToolPlace } from './answer-form.ts';
import { fittingName } from './tools.ts';

type ToolFields = Pick<CompletionRequest, 'tools' | 'toolChoice' | 'turns'>;

/** Tools of a namespace get one name of both where the target has no namespaces, in definitions, history and choice alike;
 *  the answer has both again. What a namespace says of itself stands before its first tool, once, so that a request does
 *  not grow by it. */
export function lowerNamespaces<Request extends ToolFields>(
  request: Request,
  profile: DialectProfile,
  losses: LossLedger,
): { readonly request: Request; readonly namespaces: ReadonlyMap<string, ToolPlace> } {
  const { tools, turns } = request;
  const isGrouped =
    tools.some(tool => tool.namespace !== undefined) || turns.some(({ blocks }) => blocks.some(isGroupedCall));
  if (profile.namespaces === true || !isGrouped) return { request, namespaces: plainForm.namespaces };
  const names = new JoinedNames(request, profile);
  const described = new Set<string>();
  const joined = tools.map((tool, index): ToolDefinition => {
    const { namespace, ...plain } = tool;
    if (namespace === undefined) return tool;
    const isFirst = !described.has(namespace.name);
    if (isFirst) losses.approximated('tool-namespace-joined', `tools.${index}`);
    described.add(namespace.name);
    const texts = [isFirst ? namespace.description : '', tool.description ?? ''].filter(text => text !== '');
    return {
      ...plain,
      name: names.of(namespace.name, tool.name),
      description: texts.length === 0 ? undefined : texts.join('\n\n'),
    };
  });
  const lowered = {
    ...request,
    tools: joined,
    turns: turns.map(turn =>
      turn.blocks.some(isGroupedCall) ? { ...turn, blocks: turn.blocks.map(block => names.ofCall(block)) } : turn,
    ),
    toolChoice: names.ofChoice(request.toolChoice),
  };
  return { request: lowered, namespaces: names.places };
}

function isGroupedCall(block: Block): boolean {
  return block.type === 'call' && block.namespace !== undefined;
}

class JoinedNames {
  readonly places = new Map<string, ToolPlace>();
  readonly #names = new Map<string, string>();
  readonly #used: Set<string>;
  readonly #toolNames: DialectProfile['toolNames'];
  /** By names of tools that a choice may give: the namespace that is meant; undefined: none. */
  readonly #chosen = new Map<string, string | undefined>();

  constructor({ tools, turns }: ToolFields, profile: DialectProfile) {
    this.#toolNames = profile.toolNames;
    this.#used = new Set(tools.filter(tool => tool.namespace === undefined).map(({ name }) => name));
    for (const { blocks } of turns) {
      for (const block of blocks) if (block.type === 'call' && !isGroupedCall(block)) this.#used.add(block.name);
    }
    for (const { namespace, name } of tools) {
      // A choice names no namespace: a tool outside of them comes first, then the first one inside.
      if (namespace === undefined || !this.#chosen.has(name)) this.#chosen.set(name, namespace?.name);
      if (namespace !== undefined) this.of(namespace.name, name);
    }
  }

  of(namespace: string, name: string): string {
    const both = JSON.stringify([namespace, name]);
    const known = this.#names.get(both);
    if (known !== undefined) return known;
    const plain = `${namespace}__${name}`;
    const isFree = plain.length <= this.#toolNames.lettersMax && !this.#used.has(plain);
    const joined = isFree ? plain : fittingName(plain, this.#toolNames, this.#used);
    this.#used.add(joined);
    this.#names.set(both, joined);
    this.places.set(joined, { namespace, name });
    return joined;
  }

  ofCall(block: Block): Block {
    if (block.type !== 'call' || block.namespace === undefined) return block;
    const { namespace, ...call } = block;
    return { ...call, name: this.of(namespace, block.name) };
  }

  ofChoice(choice: ToolChoice | undefined): ToolChoice | undefined {
    if (choice?.type === 'tool') return { ...choice, name: this.#ofChosen(choice.name) };
    if (choice?.type === 'allowed') return { ...choice, names: choice.names.map(name => this.#ofChosen(name)) };
    return choice;
  }

  #ofChosen(name: string): string {
    const namespace = this.#chosen.get(name);
    return namespace === undefined ? name : this.of(namespace, name);
  }
}
