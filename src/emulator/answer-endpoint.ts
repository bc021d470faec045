import type { EmulatedAnswer } from './answer.ts';
import type { AnthropicHeaders } from './anthropic/headers.ts';
import { answerAnthropicModels, answerCountTokens, answerMessages } from './anthropic/provider.ts';
import { answerBedrockCount, answerConverse } from './bedrock/provider.ts';
import { answerCohere, answerCohereModels } from './cohere/provider.ts';
import type { Endpoint } from './endpoint.ts';
import {
  answerGeminiCount,
  answerGeminiModels,
  answerGenerate,
  type GenerateCall,
  type GenerateForm,
} from './gemini/provider.ts';
import type { Manner } from './manner.ts';
import type { EmulatedModel } from './models.ts';
import { answerChat, answerModels } from './openai/provider.ts';
import { answerInputTokens, answerResponses, answerStoredResponse } from './responses/provider.ts';
import type { ScriptContent } from './script.ts';

export interface EndpointRequest {
  readonly endpoint: Endpoint;
  readonly manner: Manner;
  /** The body; throws Refusal when it is no JSON. */
  readonly json: () => unknown;
  readonly script: ScriptContent;
  readonly models: readonly EmulatedModel[] | undefined;
  readonly version: AnthropicHeaders | undefined;
}

/** What the provider that the path names answers. Throws Refusal. */
export function answerEndpoint(request: EndpointRequest): EmulatedAnswer {
  const { endpoint, manner, json, script, models, version } = request;
  switch (endpoint.name) {
    case 'chat':
      return answerChat(json(), script, models);
    case 'models':
      return answerModels(endpoint.model, models);
    case 'responses':
      return answerResponses(json(), script, models);
    case 'input-tokens':
      return answerInputTokens(json(), script, models);
    case 'stored-response':
      return answerStoredResponse(endpoint.path);
    case 'messages':
      return answerMessages(json(), script, models, version!);
    case 'count-tokens':
      return answerCountTokens(json(), script, models, version!);
    case 'anthropic-models':
      return answerAnthropicModels(endpoint.model, models);
    case 'generate':
      return answerGenerate(json(), generateCall(endpoint, 'whole'), script, models);
    case 'generate-events':
      return answerGenerate(json(), generateCall(endpoint, 'events'), script, models);
    case 'generate-list':
      return answerGenerate(json(), generateCall(endpoint, 'list'), script, models);
    case 'gemini-count':
      return answerGeminiCount(json(), generateCall(endpoint, 'whole'), script, models);
    case 'gemini-models':
      return answerGeminiModels(endpoint.model, models);
    case 'converse':
    case 'converse-stream':
      return answerConverse(
        json(),
        { model: endpoint.model!, streamed: endpoint.name === 'converse-stream' },
        script,
        models,
      );
    case 'bedrock-count':
      return answerBedrockCount(json(), endpoint.model!, script, models);
    case 'cohere-chat':
      return answerCohere(json(), script, models);
    case 'cohere-models':
      return answerCohereModels(endpoint.model, models);
    case 'unknown':
      throw manner.unknownPath(endpoint.method, endpoint.path);
    case 'wrong-method':
      throw manner.wrongMethod(endpoint.method, endpoint.path);
  }
}

function generateCall({ path, model }: Endpoint, form: GenerateForm): GenerateCall {
  return { model: model!, vertex: path.includes('/publishers/'), apiVersion: path.split('/')[1]!, form };
}
