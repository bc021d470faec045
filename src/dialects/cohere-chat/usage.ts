/** Usage of v2/chat: tokens, not billed units. */
export { readCohereUsage } from '../../metering/providers/cohere.ts';
