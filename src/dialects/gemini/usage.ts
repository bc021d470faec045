/** Usage of generateContent. */
export { readGeminiUsage } from '../../metering/providers/gemini.ts';
