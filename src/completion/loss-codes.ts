/** Every loss that we can name, with what becomes of it; docs/reference/dialects.md is generated from it. Add a code here
 *  before declaring it. `…-unsupported` was left out; the others say what was done instead. */
export const lossCodes = {
  // Controls.
  'diagnostics-unsupported': '`diagnostics` exists in the Messages API only.',
  'frequency-penalty-unsupported': 'The API has no frequency penalty.',
  'logit-bias-unsupported': 'The API has no bias of tokens.',
  'metadata-unsupported': 'The API has no labels of the client’s own.',
  'obfuscation-unsupported': 'Streams are not padded.',
  'output-limit-lowered': 'The output limit was lowered to what the model can, or to what the budget holds.',
  'presence-penalty-unsupported': 'The API has no presence penalty.',
  'prompt-cache-key-unsupported': 'The API has no key by which requests share a cache.',
  'prompt-cache-options-unsupported': 'The API has no such options of its prompt cache.',
  'prompt-cache-retention-unsupported': 'The API cannot be told how long to keep a prompt.',
  'seed-unsupported': 'The API has no seed: answers are not repeatable.',
  'stop-blank-unsupported': 'A stop sequence of white space only is refused by the API.',
  'stop-count-unsupported': 'The API takes fewer stop sequences; the first ones were sent.',
  'store-unsupported': 'The answer is not stored at the provider.',
  'temperature-lowered': 'The API takes temperatures up to 1.',
  'top-k-unsupported': 'The API has no top_k.',
  'user-profile-unsupported': '`user_profile_id` exists in the Messages API only.',
  'user-unsupported': '`safety_identifier` was sent; a different `user` beside it was not.',

  // Conversation.
  'annotations-unsupported': 'Annotations beside a text are not carried.',
  'arguments-wrapped': 'Arguments that are no JSON object travel as `{"INVALID_JSON": …}`.',
  'assistant-media-moved': 'Media that the assistant showed stand in the next user message.',
  'blank-text-unsupported': 'A text of white space only is refused by the API.',
  'document-as-text': 'A document made of text is said as text, its title before it.',
  'document-context-as-text': 'What is said about a document stands before it as text.',
  'document-sent-as-image': 'A PDF in a part for images was sent as the document it is.',
  'empty-message-unsupported': 'A message without content is refused by the API.',
  'image-detail-unsupported': 'How closely an image is looked at is the provider’s choice.',
  'media-type-corrected': 'The media type was wrong by the first bytes of the file, and was corrected.',
  'participant-name-unsupported': 'Messages have no `name`.',
  'reasoning-history-unsupported': 'Earlier reasoning without the provider’s own state is not taken back.',
  'refusal-as-text': 'An earlier refusal is given back as plain text.',
  'search-result-as-text': 'A search result is said as text, its title and source before it.',
  'system-as-user': 'An instruction is said as the user.',
  'text-after-call-moved': 'Text behind a tool call stands before it.',
  'text-type-as-plain': 'A text file of another type is given as plain text.',
  'tool-error-as-text': 'That a tool failed is said in the text of its result.',
  'tool-result-media-moved':
    'Images and documents of a tool’s result stand in the next user message, which names the call.',
  'tool-result-moved': 'A tool result stands directly behind its call.',

  // Tools.
  'eager-input-streaming-unsupported': 'Arguments are streamed as the provider does it.',

  // Answers.
  'audio-answer-unsupported': 'Audio in the answer is not carried.',
  'block-unsupported': 'A block of a type unknown to the client’s API is not carried.',
  'citations-unsupported': 'Citations are neither asked for nor carried.',
  'delta-unsupported': 'A piece of a type unknown to the client’s API is not carried.',
  'finish-reason-approximated': 'The client’s API has no such word for the end; the provider’s own stands beside it.',
  'part-unsupported': 'A part of a type unknown to the client’s API is not carried.',
  'reasoning-signature-unsupported': 'The signature of reasoning is not carried.',
  'reasoning-unsigned-unsupported': 'Reasoning without a signature is not shown.',
  'redacted-reasoning-unsupported': 'Redacted reasoning is not carried.',
  'usage-estimated': 'The provider told no usage; what the client sees is an estimate.',

  // The ledger itself.
  'more-losses': 'There were more losses than are kept.',
} as const satisfies Record<string, string>;

export type LossCode = keyof typeof lossCodes;
