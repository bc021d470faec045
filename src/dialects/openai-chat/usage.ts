/** Usage of the chat completions API: every host that speaks it is read by its own numbers. */
export { readCompatibleUsage as readOpenAiChatUsage } from '../../metering/providers/compatible.ts';
