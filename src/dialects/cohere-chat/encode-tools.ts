import type { LossLedger } from '../../completion/loss.ts';
import type { ReasoningForm } from '../../completion/profile.ts';
import type { ToolChoice, ToolDefinition } from '../../completion/request.ts';

export function encodeTool({ name, description, parameters }: ToolDefinition): unknown {
  return {
    type: 'function',
    function: { name, description, parameters: parameters ?? { type: 'object', properties: {} } },
  };
}

/** One word for all tools: where some are to be strict and others not, none is held to its schema. */
export function strictTools(tools: readonly ToolDefinition[], losses: LossLedger): true | undefined {
  if (!tools.some(({ strict }) => strict === true)) return undefined;
  if (tools.every(({ strict }) => strict === true)) return true;
  tools.forEach(({ strict }, index) => {
    if (strict === true) losses.dropped('tool-strict-unsupported', `tools.${index}`);
  });
  return undefined;
}

/** A choice of one tool, or among some, was lowered to one that this API has. */
export function encodeToolChoice(
  choice: ToolChoice | undefined,
  form: ReasoningForm,
  losses: LossLedger,
): 'REQUIRED' | 'NONE' | undefined {
  switch (choice?.type) {
    case 'none':
      return 'NONE';
    case 'any':
      if (form.forcedTools !== 'never') return 'REQUIRED';
      losses.approximated('tool-choice-unsupported', 'tool_choice');
      return undefined;
    case 'tool':
    case 'allowed':
      throw new Error('this API cannot be told which tool to call');
    default:
      return undefined;
  }
}
