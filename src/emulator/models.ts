/** A model that the emulator serves. Without a list, every name is served with these bounds. */
export interface EmulatedModel {
  readonly id: string;
  /** Input and output together; longer input is refused as the provider does. */
  readonly contextTokens?: number;
  readonly outputTokensMax?: number;
  /** OpenAI's reasoning models refuse `max_tokens` and want `max_completion_tokens`. */
  readonly refusesMaxTokens?: boolean;
}

export interface KnownModel {
  readonly id: string;
  readonly contextTokens: number;
  readonly outputTokensMax: number;
  readonly refusesMaxTokens: boolean;
}

const contextTokensDefault = 1_000_000;
const outputTokensMaxDefault = 1_000_000;

/** undefined when a list was given and the model is not on it. */
export function findModel(models: readonly EmulatedModel[] | undefined, id: string): KnownModel | undefined {
  const listed = models?.find(model => model.id === id);
  if (models !== undefined && listed === undefined) return undefined;
  return {
    id,
    contextTokens: listed?.contextTokens ?? contextTokensDefault,
    outputTokensMax: listed?.outputTokensMax ?? outputTokensMaxDefault,
    refusesMaxTokens: listed?.refusesMaxTokens ?? false,
  };
}

/** What the model lists show when every name is served. */
export const modelsShownDefault: readonly EmulatedModel[] = [{ id: 'sandbox-small' }, { id: 'sandbox-large' }];

/** 2026-01-01T00:00:00Z. Answers carry one fixed instant, because the same request must give the same bytes. */
export const createdAtSeconds = 1_767_225_600;
