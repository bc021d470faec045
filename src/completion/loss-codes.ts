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
  'blank-text-unsupported': 'A text of white space only is refused by the API.',
  'empty-message-unsupported': 'A message without content is refused by the API.',
  'participant-name-unsupported': 'Messages have no `name`.',
  'reasoning-history-unsupported': 'Earlier reasoning without the provider’s own state is not taken back.',
  'refusal-as-text': 'An earlier refusal is given back as plain text.',
  'system-as-user': 'An instruction is said as the user.',
  'text-after-call-moved': 'Text behind a tool call stands before it.',
  'tool-error-as-text': 'That a tool failed is said in the text of its result.',
  'tool-result-moved': 'A tool result stands directly behind its call.',

  // Reasoning.
  'reasoning-between-tools-approximated': 'Thinking between tools only is asked for as the least effort.',
  'reasoning-budget-approximated': 'A budget of thinking tokens is sent as the effort it stands for.',
  'reasoning-budget-unfit': 'The output limit leaves no room for the least budget: the model does not think.',
  'reasoning-effort-approximated': 'The model does not take this effort; the nearest that it takes was sent.',
  'reasoning-effort-unsupported': 'The model takes no effort.',
  'reasoning-off-approximated': 'The model cannot be told not to think; it was told to think as little as it can.',
  'reasoning-state-foreign': 'Earlier reasoning of another provider or model is left out.',
  'reasoning-state-invalid': 'Earlier reasoning whose seal is broken is left out.',
  'reasoning-state-missing': 'A turn that called tools came without its reasoning: the model does not think this time.',
  'reasoning-state-too-large': 'Reasoning state over its bound is not kept.',
  'reasoning-unsupported': 'The model does not think, or cannot be told to.',
  'reasoning-with-forced-tool-unsupported': 'A forced tool call excludes thinking: the model does not think this time.',
  'temperature-unsupported': 'The model, or this version of the API, takes no temperature but its own.',
  'tool-choice-unsupported': 'A call cannot be forced while the model thinks; it was left to the model.',
  'top-p-unsupported': 'The model, or this version of the API, takes no top_p.',

  // Media.
  'assistant-media-moved': 'Media that the assistant showed stand in a user message.',
  'document-as-text': 'A document of texts is written into the message.',
  'document-context-as-text': 'What the client says about a document stands before it as text.',
  'document-sent-as-image': 'A document where the API has images only for this form.',
  'image-detail-unsupported': 'The API cannot be told how closely to look at an image.',
  'media-type-corrected': 'The bytes are of another type than declared; theirs was sent.',
  'search-result-as-text': 'A search result is written into the message.',
  'text-type-as-plain': 'A text of a type of its own is sent as plain text.',
  'tool-result-media-moved': 'Media of a tool result stand in the next user message.',

  // Tools.
  'eager-input-streaming-unsupported': 'Arguments are streamed as the provider does it.',

  // Answers.
  'audio-answer-unsupported': 'Audio in the answer is not carried.',
  'block-unsupported': 'A block of a type unknown to the client’s API is not carried.',
  'citations-unsupported': 'Citations beside a text are not carried.',
  'delta-unsupported': 'A piece of a type unknown to the client’s API is not carried.',
  'finish-reason-approximated': 'The client’s API has no such word for the end; the provider’s own stands beside it.',
  'part-unsupported': 'A part of a type unknown to the client’s API is not carried.',
  'usage-estimated': 'The provider told no usage; what the client sees is an estimate.',

  // The ledger itself.
  'more-losses': 'There were more losses than are kept.',
} as const satisfies Record<string, string>;

export type LossCode = keyof typeof lossCodes;
