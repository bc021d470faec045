/** Every loss that we can name, with what becomes of it; docs/reference/dialects.md is generated from it. Add a code here
 *  before declaring it. `…-unsupported` was left out; the others say what was done instead. */
export const lossCodes = {
  // Controls.
  'client-metadata-unsupported': 'What a client says of itself (`client_metadata`) is not sent on.',
  'context-management-unsupported': 'Earlier turns are sent as they came: the API cuts nothing from them.',
  'diagnostics-unsupported': '`diagnostics` exists in the Messages API only.',
  'end-user-hashed': 'The id of the end user is too long for the API; its SHA-256 was sent.',
  'frequency-penalty-unsupported': 'The API has no frequency penalty.',
  'logit-bias-unsupported': 'The API has no bias of tokens.',
  'metadata-unsupported': 'The API has no labels of the client’s own.',
  'obfuscation-unsupported': 'Streams are not padded.',
  'output-limit-lowered': 'The output limit was lowered to what the model can, or to what the budget holds.',
  'performance-unsupported': 'The API cannot be asked to answer faster for another price.',
  'parallel-tool-calls-unsupported': 'The API cannot be told whether to call several tools at once.',
  'prediction-unsupported': 'The API takes no predicted answer, so it is not faster for it.',
  'presence-penalty-unsupported': 'The API has no presence penalty.',
  'priority-unsupported': 'The API cannot be told how early to handle a request.',
  'prompt-cache-key-unsupported': 'The API has no key by which requests share a cache.',
  'prompt-cache-options-unsupported': 'The API has no such options of its prompt cache.',
  'prompt-cache-retention-unsupported': 'The API cannot be told how long to keep a prompt.',
  'response-fields-unsupported': 'The API adds no fields of its model to the answer.',
  'route-downgraded': 'A limit was reached; the request took the route that the limit names for that.',
  'safety-mode-unsupported': 'The API has no such choice of a safety instruction.',
  'sampling-fitted': 'The API takes a narrower range; the nearest value in it was sent.',
  'safety-settings-unsupported': 'Other APIs have filters of their own, which cannot be set by the request.',
  'seed-unsupported': 'The API has no seed: answers are not repeatable.',
  'service-tier-approximated': 'The nearest service tier was asked for.',
  'service-tier-unsupported': 'The API has no such service tier; its ordinary one serves.',
  'stop-blank-unsupported': 'A stop sequence of white space only is refused by the API.',
  'stop-count-unsupported': 'The API takes fewer stop sequences; the first ones were sent.',
  'stop-unsupported': 'The model takes no stop sequences.',
  'store-unsupported': 'The answer is not stored at the provider.',
  'temperature-lowered': 'The API takes lower temperatures only; the highest was sent.',
  'temperature-unsupported': 'The model, or its version of the API, takes no temperature but its own.',
  'top-k-unsupported': 'The API, its version, or a model that thinks takes no top_k.',
  'top-p-unsupported': 'The model, or its version of the API, takes no top_p.',
  'truncation-unsupported': 'A prompt over the context window is refused rather than cut.',
  'user-profile-unsupported': '`user_profile_id` exists in the Messages API only.',
  'user-id-unsupported': 'The API takes no id of an end user.',
  'user-unsupported': '`safety_identifier` was sent; a different `user` beside it was not.',
  'verbosity-unsupported': 'The API cannot be told how long an answer should be.',

  // Prompt cache.
  'cache-lifetime-changed': 'The API has other lifetimes; the next longer one was sent, else its longest.',
  'cache-mark-unsupported': 'The API knows no such mark there; it may cache by itself.',
  'cache-marks-over-limit': 'The API takes fewer marks; the last ones were sent, which cover the longest prefixes.',

  // Output form.
  'json-object-as-instruction': 'The API has no JSON mode; an instruction asks for one JSON object.',
  'output-schema-as-instruction': 'The API cannot hold the answer to this schema; an instruction asks for it.',
  'schema-closed': 'Objects of the schema take no further properties.',
  'schema-keyword-unsupported': 'A keyword that the API does not hold to stands in the description instead.',
  'schema-one-of-as-any-of': '`oneOf` became `anyOf`.',
  'schema-optional-required': 'The API wants every property required.',

  // Conversation.
  'annotations-unsupported': 'Annotations beside a text are not carried.',
  'arguments-wrapped': 'Arguments that are no JSON object travel as `{"INVALID_JSON": …}`.',
  'blank-text-unsupported': 'A text of white space only is refused by the API.',
  'empty-message-unsupported': 'A message without content is refused by the API.',
  'message-phase-unsupported': 'Whether an earlier message was a comment or the final answer is not said.',
  'participant-name-unsupported': 'Messages have no `name`.',
  'reasoning-history-unsupported': 'Earlier reasoning without the provider’s own state is not taken back.',
  'code-execution-as-text': 'Code that a provider ran, and what came of it, is said as text.',
  'refusal-as-text': 'An earlier refusal is given back as plain text.',
  'prefill-unsupported': 'The API does not go on where the assistant’s last turn ends; it answers anew.',
  'system-as-user': 'An instruction is said as the user.',
  'system-moved': 'An instruction stands behind the user’s turn that followed it.',
  'texts-joined': 'The API has one text before a call; several became lines of it.',
  'text-after-call-moved': 'Text behind a tool call stands before it.',
  'tool-call-unanswered': 'A call without a result got one that says so.',
  'tool-error-as-text': 'That a tool failed is said in the text of its result.',
  'tool-result-as-text': 'A result without a call of its own became a text of the user.',
  'tool-result-empty': 'The API refuses a result without content; a text says that there was none.',
  'tool-result-moved': 'A tool result stands directly behind its call.',
  'user-turn-added': 'The API wants a turn of the user there; a short one was added.',

  // Betas, within a dialect.
  'beta-unsupported': 'The provider refuses a beta; it was left out with the fields that it opens.',

  // Reasoning.
  'reasoning-between-tools-approximated': 'Thinking between tools only is asked for as the least effort.',
  'reasoning-budget-approximated': 'A budget of thinking tokens is sent as the effort it stands for.',
  'reasoning-budget-unfit': 'The output limit leaves no room for the least budget: the model does not think.',
  'reasoning-effort-approximated': 'The model does not take this effort; the nearest that it takes was sent.',
  'reasoning-effort-unsupported': 'The model takes no effort.',
  'reasoning-off-approximated': 'The model cannot be told not to think; it was told to think as little as it can.',
  'reasoning-state-bypassed': 'A call came without its reasoning; the model was told to take it so, and may do worse.',
  'reasoning-state-foreign': 'Earlier reasoning of another provider or model is left out.',
  'reasoning-state-invalid': 'Earlier reasoning whose seal is broken is left out.',
  'reasoning-state-last':
    'Reasoning state behind the end of an answer has no place in this API; its maker does without it.',
  'reasoning-state-missing': 'A turn that called tools came without its reasoning: the model does not think this time.',
  'reasoning-state-too-large': 'Reasoning state over its bound is not kept.',
  'reasoning-unsupported': 'The model does not think, or cannot be told to.',
  'reasoning-with-forced-tool-unsupported': 'A forced tool call excludes thinking: the model does not think this time.',
  'thinking-updates-unsupported': 'The model writes no notes of its progress; its thinking is not shown, as asked.',
  'tool-choice-unsupported': 'A call cannot be forced there; it was left to the model.',

  // Media.
  'assistant-media-moved': 'Media that the assistant showed stand in the next user message.',
  'document-as-text': 'A document made of text is said as text, its title before it.',
  'document-fields-as-text': 'The fields of a document are said as text, a line each.',
  'document-name-as-text': 'The API has no name of a document; it stands before it as text.',
  'document-context-as-text': 'What is said about a document stands before it as text.',
  'document-name-changed': 'The API takes few letters in the name of a document, and each name once.',
  'document-text-added': 'The API wants a text beside a document; a short one was added.',
  'document-sent-as-image': 'A PDF in a part for images was sent as the document it is.',
  'guard-content-unmarked': 'What a guardrail is to look at is content like any other.',
  'image-detail-unsupported': 'How closely an image is looked at is the provider’s choice.',
  'media-type-corrected': 'The media type was wrong by the first bytes of the file, and was corrected.',
  'search-result-as-text': 'A search result is said as text, its title and source before it.',
  'text-type-as-plain': 'A text file of another type is given as plain text.',
  'tool-result-media-moved':
    'Images and documents of a tool’s result stand in the next user message, which names the call.',

  // Tools.
  'allowed-tools-filtered': 'Only the allowed tools were sent.',
  'custom-tool-as-function': 'A tool that takes free text became one with the argument `input`.',
  'hosted-tool-history-unsupported': 'That a tool of the provider ran in an earlier turn is not said.',
  'hosted-tool-unsupported': 'A tool that the client’s provider runs itself is not offered to the model.',
  'tool-namespace-joined':
    'Tools of a namespace are sent under both names joined, and are told apart again in the answer.',
  'tool-output-schema-unsupported': 'What a tool returns is not described.',
  'eager-input-streaming-unsupported': 'Arguments are streamed as the provider does it.',
  'tool-choice-none-unsupported':
    'The API cannot be told to call no tool while the conversation has calls; it was left to the model.',
  'tool-definitions-added': 'The API wants the tools of earlier calls defined; their names were, with any arguments.',
  'tool-deferral-unsupported': 'The tool is given at once, not when a search finds it.',
  'tool-name-changed': 'The API does not take the name of a tool; another was sent, and is changed back in the answer.',
  'tool-reference-as-text': 'That a search found a tool is said as text.',
  'tool-schema-root-changed': 'The API wants one object as the schema of arguments; its alternatives were merged.',
  'tool-strict-unsupported': 'The API cannot hold the arguments to this schema.',

  // Answers.
  'audio-answer-unsupported': 'Audio in the answer is not carried.',
  'block-unsupported': 'A block of a type unknown to the client’s API is not carried.',
  'calls-over-limit': 'The client takes one call an answer; the others are left out.',
  'citations-unsupported': 'Citations are neither asked for nor carried.',
  'delta-unsupported': 'A piece of a type unknown to the client’s API is not carried.',
  'finish-reason-approximated': 'The client’s API has no such word for the end; the provider’s own stands beside it.',
  'part-unsupported': 'A part of a type unknown to the client’s API is not carried.',
  'usage-estimated': 'The provider told no usage; what the client sees is an estimate.',

  // Answers that broke off.
  'answer-continued': 'The text is by two authors: `deployment@N` wrote it from its Nth byte on.',
  'answer-restarted': 'The client was told to throw away what it had; the named deployment answered anew.',

  // The ledger itself.
  'more-losses': 'There were more losses than are kept.',
} as const satisfies Record<string, string>;

export type LossCode = keyof typeof lossCodes;
