import type { Kind, MessageShape, MessageTable } from './proto.ts';

// The generateContent wire, from the types of the @google/genai package 3.1 and
// https://ai.google.dev/api/generate-content (2026-11).

export type Json = Readonly<Record<string, unknown>>;

export interface GenerateRequest extends Json {
  readonly contents: readonly Content[];
}

export interface Content extends Json {
  readonly role?: string;
  readonly parts: readonly Part[];
}

export interface Part extends Json {
  readonly text?: string;
  readonly thought?: boolean;
  readonly thoughtSignature?: string;
  readonly functionCall?: FunctionCall;
  readonly functionResponse?: FunctionResponse;
  readonly inlineData?: Json;
  readonly fileData?: Json;
}

export interface FunctionCall extends Json {
  readonly name?: string;
  readonly id?: string;
  readonly args?: Json;
}

export interface FunctionResponse extends Json {
  readonly name?: string;
  readonly id?: string;
  readonly response?: Json;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const text: Kind = 'string';
const message = (name: string): Kind => ({ message: name });
const list = (kind: Kind): Kind => ({ list: kind });
const choice = (name: string, ...values: string[]): Kind => ({
  name,
  choice: [`${snake(name)}_UNSPECIFIED`, ...values],
});

function snake(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
}

const resolutions = ['LOW', 'MEDIUM', 'HIGH', 'ULTRA_HIGH'].map(level => `MEDIA_RESOLUTION_${level}`);

const schema: MessageShape = {
  fields: {
    type: {
      name: 'Type',
      anyCase: true,
      choice: ['TYPE_UNSPECIFIED', 'STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL'],
    },
    anyOf: list(message('Schema')),
    default: 'any',
    description: text,
    enum: list(text),
    example: 'any',
    format: text,
    items: message('Schema'),
    maxItems: 'integer',
    maxLength: 'integer',
    maxProperties: 'integer',
    maximum: 'number',
    minItems: 'integer',
    minLength: 'integer',
    minProperties: 'integer',
    minimum: 'number',
    nullable: 'boolean',
    pattern: text,
    properties: { map: message('Schema') },
    propertyOrdering: list(text),
    required: list(text),
    title: text,
  },
};

const part: MessageShape = {
  oneof: {
    name: 'data',
    fields: [
      'text',
      'inlineData',
      'fileData',
      'functionCall',
      'functionResponse',
      'executableCode',
      'codeExecutionResult',
      'toolCall',
      'toolResponse',
    ],
  },
  fields: {
    text,
    thought: 'boolean',
    thoughtSignature: 'bytes',
    inlineData: message('Blob'),
    fileData: message('FileData'),
    functionCall: message('FunctionCall'),
    functionResponse: message('FunctionResponse'),
    executableCode: message('ExecutableCode'),
    codeExecutionResult: message('CodeExecutionResult'),
    toolCall: message('ToolCall'),
    toolResponse: message('ToolResponse'),
    videoMetadata: 'struct',
    mediaResolution: message('PartMediaResolution'),
    partMetadata: 'struct',
  },
};

const generationConfig: Readonly<Record<string, Kind>> = {
  audioTimestamp: 'boolean',
  candidateCount: 'integer',
  enableEnhancedCivicAnswers: 'boolean',
  frequencyPenalty: 'number',
  imageConfig: 'struct',
  logprobs: 'integer',
  maxOutputTokens: 'integer',
  mediaResolution: choice('MediaResolution', ...resolutions),
  presencePenalty: 'number',
  responseJsonSchema: 'any',
  responseLogprobs: 'boolean',
  responseMimeType: text,
  responseModalities: list(choice('Modality', 'TEXT', 'IMAGE', 'AUDIO', 'VIDEO')),
  responseSchema: message('Schema'),
  seed: 'integer',
  speechConfig: 'struct',
  stopSequences: list(text),
  temperature: 'number',
  thinkingConfig: message('ThinkingConfig'),
  topK: 'number',
  topP: 'number',
};

const request: Readonly<Record<string, Kind>> = {
  cachedContent: text,
  contents: list(message('Content')),
  continuationToken: text,
  generationConfig: message('GenerationConfig'),
  labels: { map: text },
  model: text,
  safetySettings: list(message('SafetySetting')),
  serviceTier: text,
  store: 'boolean',
  systemInstruction: message('Content'),
  toolConfig: message('ToolConfig'),
  tools: list(message('Tool')),
};

const harms = ['HARASSMENT', 'HATE_SPEECH', 'SEXUALLY_EXPLICIT', 'DANGEROUS_CONTENT', 'CIVIC_INTEGRITY', 'JAILBREAK'];

export const messages: MessageTable = {
  GenerateContentRequest: { fields: request },
  CountTokensRequest: {
    fields: {
      contents: request['contents']!,
      generateContentRequest: message('GenerateContentRequest'),
      // These three at Vertex only.
      systemInstruction: request['systemInstruction']!,
      tools: request['tools']!,
      generationConfig: request['generationConfig']!,
      model: text,
    },
  },
  Content: { fields: { role: text, parts: list(message('Part')) } },
  Part: part,
  Blob: { fields: { mimeType: text, data: 'bytes', displayName: text } },
  FileData: { fields: { mimeType: text, fileUri: text, displayName: text } },
  FunctionCall: { fields: { id: text, name: text, args: 'struct' } },
  FunctionResponse: {
    fields: {
      id: text,
      name: text,
      response: 'struct',
      parts: list(message('FunctionResponsePart')),
      scheduling: choice('Scheduling', 'SILENT', 'WHEN_IDLE', 'INTERRUPT'),
      willContinue: 'boolean',
    },
  },
  FunctionResponsePart: { fields: { inlineData: message('Blob'), fileData: message('FileData') } },
  ExecutableCode: { fields: { id: text, code: text, language: choice('Language', 'PYTHON') } },
  CodeExecutionResult: {
    fields: {
      id: text,
      output: text,
      outcome: choice('Outcome', 'OUTCOME_OK', 'OUTCOME_FAILED', 'OUTCOME_DEADLINE_EXCEEDED'),
    },
  },
  ToolCall: { fields: { id: text, toolType: text, args: 'struct' } },
  ToolResponse: { fields: { id: text, toolType: text, response: 'struct' } },
  PartMediaResolution: { fields: { level: choice('MediaResolution', ...resolutions), numTokens: 'integer' } },
  GenerationConfig: { fields: generationConfig },
  ThinkingConfig: {
    fields: {
      includeThoughts: 'boolean',
      thinkingBudget: 'integer',
      thinkingLevel: choice('ThinkingLevel', 'MINIMAL', 'LOW', 'MEDIUM', 'HIGH'),
    },
  },
  SafetySetting: {
    fields: {
      category: choice('HarmCategory', ...harms.map(harm => `HARM_CATEGORY_${harm}`)),
      threshold: choice(
        'HarmBlockThreshold',
        'BLOCK_LOW_AND_ABOVE',
        'BLOCK_MEDIUM_AND_ABOVE',
        'BLOCK_ONLY_HIGH',
        'BLOCK_NONE',
        'OFF',
      ),
      method: text,
    },
  },
  ToolConfig: {
    fields: {
      functionCallingConfig: message('FunctionCallingConfig'),
      retrievalConfig: 'struct',
      includeServerSideToolInvocations: 'boolean',
    },
  },
  FunctionCallingConfig: {
    fields: {
      mode: { name: 'Mode', choice: ['MODE_UNSPECIFIED', 'AUTO', 'ANY', 'NONE', 'VALIDATED'] },
      allowedFunctionNames: list(text),
    },
  },
  Tool: {
    fields: {
      functionDeclarations: list(message('FunctionDeclaration')),
      codeExecution: 'struct',
      computerUse: 'struct',
      fileSearch: 'struct',
      googleMaps: 'struct',
      googleSearch: 'struct',
      googleSearchRetrieval: 'struct',
      mcpServers: list('struct'),
      urlContext: 'struct',
    },
  },
  FunctionDeclaration: {
    fields: {
      name: text,
      description: text,
      behavior: choice('Behavior', 'BLOCKING', 'NON_BLOCKING'),
      parameters: message('Schema'),
      parametersJsonSchema: 'any',
      response: message('Schema'),
      responseJsonSchema: 'any',
    },
  },
  Schema: schema,
};

/** Vertex has what the Gemini API has not. */
export const vertexMessages: MessageTable = {
  ...messages,
  GenerateContentRequest: { fields: { ...request, modelArmorConfig: 'struct' } },
  GenerationConfig: { fields: { ...generationConfig, routingConfig: 'struct' } },
  FunctionCallingConfig: {
    fields: { ...messages['FunctionCallingConfig']!.fields, streamFunctionCallArguments: 'boolean' },
  },
  Tool: {
    fields: { ...messages['Tool']!.fields, enterpriseWebSearch: 'struct', retrieval: 'struct' },
  },
};
