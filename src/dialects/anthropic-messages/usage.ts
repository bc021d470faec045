/** Usage of the messages API. */
export { mergeAnthropicUsage, readAnthropicUsage } from '../../metering/providers/anthropic.ts';
