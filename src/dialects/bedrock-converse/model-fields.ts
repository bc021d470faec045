import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { ConverseModel } from '../../completion/profile.ts';
import {
  type OutputFormat,
  type ReasoningControl,
  type ReasoningEffort,
  reasoningEfforts,
} from '../../completion/request.ts';
import { decodeFormat } from '../anthropic-messages/decode-request.ts';
import { decodeReasoning, type FittedReasoning } from '../anthropic-messages/reasoning.ts';
import {
  FieldRules,
  isEmpty,
  isRecord,
  lost,
  optionalCount,
  optionalString,
  read,
  readRecord,
  readString,
  type WireRecord,
} from '../wire-values.ts';

/** `additionalModelRequestFields`: what one model takes beyond the dialect, in its maker's words, both ways. Sources, 2026-11:
 *  https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html (Claude: `thinking`, `top_k`),
 *  https://docs.aws.amazon.com/nova/latest/nova2-userguide/using-converse-api.html (Nova: `reasoningConfig`,
 *  `inferenceConfig.topK`), https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html
 *  (`reasoning_effort`). */

const at = 'additionalModelRequestFields';

const fields = new FieldRules({
  thinking: read,
  // The name that Claude 3.7 had for it first.
  reasoning_config: read,
  reasoningConfig: read,
  reasoning_effort: read,
  output_config: read,
  top_k: read,
  topK: read,
  inferenceConfig: read,
  anthropic_beta: lost('beta-unsupported', isEmpty),
});
const configFields = new FieldRules({ effort: read, format: read });
const novaFields = new FieldRules({ type: read, maxReasoningEffort: read });
const nestedFields = new FieldRules({ topK: read });

export interface ModelFields {
  readonly topK: number | undefined;
  readonly reasoning: ReasoningControl | undefined;
  /** Claude's own word for a form of the answer, which @ai-sdk/amazon-bedrock 5.0 uses. */
  readonly output: OutputFormat | undefined;
}

/** `effort`: of `outputConfig`, which every model may have. */
export function decodeModelFields(value: unknown, effort: unknown, losses: LossLedger): ModelFields {
  const wire = value === undefined || value === null ? {} : readRecord(value, at);
  fields.check(wire, at, losses);
  const nested = inside(wire['inferenceConfig'], `${at}.inferenceConfig`, nestedFields, losses);
  const topK =
    optionalCount(wire['top_k'], `${at}.top_k`) ??
    optionalCount(wire['topK'], `${at}.topK`) ??
    optionalCount(nested['topK'], `${at}.inferenceConfig.topK`);
  const config = inside(wire['output_config'], `${at}.output_config`, configFields, losses);
  return {
    topK,
    reasoning: decodeThinking(wire, config, effort, losses),
    output: decodeFormat(config['format'], `${at}.output_config.format`, losses),
  };
}

function inside(value: unknown, path: string, rules: FieldRules, losses: LossLedger): WireRecord {
  if (value === undefined || value === null) return {};
  const record = readRecord(value, path);
  rules.check(record, path, losses);
  return record;
}

function decodeThinking(
  wire: WireRecord,
  config: WireRecord,
  ownEffort: unknown,
  losses: LossLedger,
): ReasoningControl | undefined {
  const nova = wire['reasoningConfig'];
  if (nova !== undefined && nova !== null) return decodeNova(nova, losses);
  const isOwn = ownEffort !== undefined && ownEffort !== null;
  const effort = isOwn ? ownEffort : (config['effort'] ?? wire['reasoning_effort']);
  const name = wire['thinking'] === undefined ? 'reasoning_config' : 'thinking';
  const path = isOwn
    ? 'outputConfig.effort'
    : config['effort'] == null
      ? `${at}.reasoning_effort`
      : `${at}.output_config.effort`;
  return decodeReasoning(wire[name], effort, losses, { thinking: `${at}.${name}`, effort: path });
}

function decodeNova(value: unknown, losses: LossLedger): ReasoningControl {
  const path = `${at}.reasoningConfig`;
  const wire = inside(value, path, novaFields, losses);
  const type = readString(wire['type'], `${path}.type`);
  if (type !== 'enabled' && type !== 'disabled') throw invalid(`${path}.type`, 'is enabled or disabled');
  const asked = optionalString(wire['maxReasoningEffort'], `${path}.maxReasoningEffort`);
  const effort = reasoningEfforts.find(name => name === asked);
  if (asked !== undefined && effort === undefined) throw invalid(`${path}.maxReasoningEffort`, 'is no effort');
  return { mode: type === 'enabled' ? 'on' : 'off', effort, budgetTokens: undefined, display: undefined };
}

function invalid(path: string, rule: string): Fault {
  return new Fault('parameter_invalid', `${path} ${rule}.`, { parameter: path });
}

/** What is said in the model's own fields; undefined when nothing is. */
export function encodeModelFields(
  fitted: FittedReasoning,
  model: ConverseModel | undefined,
  losses: LossLedger,
): Record<string, unknown> | undefined {
  const { topK } = fitted.sampling;
  const written: Record<string, unknown> = { ...encodeReasoning(fitted, model) };
  if (topK !== undefined) {
    const [name, ...deeper] = model?.topK ?? [];
    if (name === undefined) losses.dropped('top-k-unsupported', 'top_k');
    else written[name] = deeper.reduceRight<unknown>((value, inner) => ({ [inner]: value }), topK);
  }
  return Object.keys(written).length === 0 ? undefined : written;
}

function encodeReasoning(
  { thinking, effort }: FittedReasoning,
  model: ConverseModel | undefined,
): Record<string, unknown> | undefined {
  const isOff = isRecord(thinking) && thinking['type'] === 'disabled';
  switch (model?.reasoning) {
    case 'thinking':
      return thinking === undefined ? undefined : { thinking };
    case 'reasoningConfig':
      if (isOff) return { reasoningConfig: { type: 'disabled' } };
      if (thinking === undefined && effort === undefined) return undefined;
      return { reasoningConfig: { type: 'enabled', maxReasoningEffort: effort ?? effortUnsaid } };
    case 'reasoning_effort':
      if (thinking === undefined && effort === undefined) return undefined;
      return { reasoning_effort: effort ?? effortUnsaid };
    default:
      return undefined;
  }
}

/** Of a client that says only that the model shall think. */
const effortUnsaid: ReasoningEffort = 'medium';

/** The effort stands in the dialect's own field where the model's own say how it thinks. */
export function encodeEffort(
  { effort }: FittedReasoning,
  model: ConverseModel | undefined,
): ReasoningEffort | undefined {
  return model?.reasoning === 'thinking' ? effort : undefined;
}
