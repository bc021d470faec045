import { olderClaudeRules } from './anthropic.ts';
import { messagesBetaFields } from './betas.ts';
import { messagesEndpoint, type Provider, plainQuirks } from './provider.ts';
import { claudeRules } from './reasoning-forms.ts';

/** Claude models behind the address of a cloud or of a proxy before one, as Messages: Amazon Bedrock and hosts like it take
 *  a list of betas and refuse every other. An account is one only if its `kind` says so. */
export const claudeHosted: Provider = {
  name: 'claude-hosted',
  dialects: ['anthropic-messages'],
  endpoints: {
    'anthropic-messages': {
      ...messagesEndpoint,
      betas: {
        header: 'anthropic-beta',
        // https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
        // (2026-11).
        allowed: new Set([
          'computer-use-2024-10-22',
          'computer-use-2025-01-24',
          'computer-use-2025-11-24',
          'compact-2026-01-12',
          'context-1m-2025-08-07',
          'context-management-2025-06-27',
          'dev-full-thinking-2025-05-14',
          'effort-2025-11-24',
          'fine-grained-tool-streaming-2025-05-14',
          'interleaved-thinking-2025-05-14',
          'output-128k-2025-02-19',
          'token-efficient-tools-2025-02-19',
          'tool-examples-2025-10-29',
          'tool-search-tool-2025-10-19',
        ]),
        opens: messagesBetaFields,
      },
    },
  },
  baseUrl: undefined,
  environment: [],
  priceFacts: undefined,
  failureDomains: [],
  profiles: {
    'anthropic-messages': [
      ...claudeRules,
      // Media in the request itself; of the second version of the API such hosts say nothing.
      { change: { media: { images: 'bytes', documents: 'bytes' }, versions: ['2023-06-01'] } },
      ...olderClaudeRules,
    ],
  },
  quirks: plainQuirks,
};
