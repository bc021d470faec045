/** Usage of the Responses API: every host that speaks it is read by its own numbers. */
import { responsesUsage } from '../../metering/providers/openai.ts';

export const readResponsesUsage = responsesUsage.read;
