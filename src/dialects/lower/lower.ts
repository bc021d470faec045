import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { CompletionRequest, DialectName } from '../../completion/request.ts';
import { type AnswerForm, plainForm } from './answer-form.ts';
import { lowerCacheMarks } from './cache-marks.ts';
import { pairCalls } from './call-pairing.ts';
import { lowerControls } from './controls.ts';
import { orderConversation } from './conversation.ts';
import { lowerNamespaces } from './namespaces.ts';
import { lowerOutput } from './output-form.ts';
import { lowerToolSchemas } from './tool-schemas.ts';
import { lowerAllowedTools, lowerCustomTools, lowerNamedTool, lowerToolNames } from './tools.ts';
import { followCalls } from './tools-follow-calls.ts';

/** A request as its target takes it, and what is to be changed back in the answer. */
export interface LoweredRequest {
  readonly request: CompletionRequest;
  readonly form: AnswerForm;
}

/** Every repair that a target needs, in one order, the same for all dialects: an encoder writes what comes out of here and
 *  decides nothing. What is already as the target wants it stays as it is. Throws Fault. */
export function lowerRequest(
  read: CompletionRequest,
  profile: DialectProfile,
  client: DialectName,
  losses: LossLedger,
): LoweredRequest {
  let request = lowerControls(read, profile, client, losses);
  // Marks are declared by their places in the client's request, so they come before anything moves.
  request = lowerCacheMarks(request, profile.cacheMarks, client, losses);
  const grouped = lowerNamespaces(request, profile, losses);
  const custom = lowerCustomTools(grouped.request, profile, losses);
  request = lowerAllowedTools(custom.request, profile, losses);
  request = lowerNamedTool(request, profile, losses);
  request = followCalls(request, profile, losses);
  const named = lowerToolNames(request, profile, losses);
  request = named.request;
  const tools = lowerToolSchemas(request.tools, profile, client, losses);
  const turns = pairCalls(request.turns, profile.callIds, losses);
  const ordered = orderConversation({ turns, continuesAssistant: request.continuesAssistant }, profile.roles, losses);
  const isChanged = tools !== request.tools || ordered.turns !== request.turns;
  if (isChanged || request.continuesAssistant !== ordered.continuesAssistant)
    request = { ...request, tools, ...ordered };
  // A turn that moved may stand behind a mark of a shorter lifetime now, which APIs refuse.
  if (ordered.turns !== turns) request = lowerCacheMarks(request, profile.cacheMarks, client, losses);
  request = lowerOutput(request, profile, client, losses);
  const { toolNames } = named;
  const { customTools } = custom;
  const legacyFunctions = read.legacyFunctions === true;
  const { namespaces } = grouped;
  const isPlain = toolNames.size === 0 && customTools.size === 0 && namespaces.size === 0 && !legacyFunctions;
  return { request, form: isPlain ? plainForm : { toolNames, customTools, namespaces, legacyFunctions } };
}
