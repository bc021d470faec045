/** Usage of Converse. */
export { readBedrockUsage } from '../../metering/providers/bedrock.ts';
