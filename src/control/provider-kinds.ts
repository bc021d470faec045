import type { DialectName } from '../completion/request.ts';
import type { Provider } from '../providers/provider.ts';

/** What control needs to know of a kind of provider; providers/ has the rest. */
export type ProviderKind = Pick<
  Provider,
  'name' | 'dialects' | 'baseUrl' | 'environment' | 'targetModels' | 'environmentAccount'
>;

/** The kind of an account that names none: the provider whose host it calls, else any that speaks the dialect. */
export function inferKind(kinds: readonly ProviderKind[], dialect: DialectName, baseUrl: string): string {
  const host = hostOf(baseUrl);
  const known = kinds.find(
    kind => kind.dialects.includes(dialect) && host !== undefined && hostOf(kind.baseUrl ?? '') === host,
  );
  if (known !== undefined) return known.name;
  const compatible = kinds.find(kind => kind.name.endsWith('-compatible') && kind.dialects.includes(dialect));
  return kindsUnlessSaid[dialect] ?? compatible?.name ?? 'openai-compatible';
}

/** Kinds whose accounts may have any address. */
const kindsUnlessSaid: Readonly<Partial<Record<DialectName, string>>> = {
  'anthropic-messages': 'anthropic-compatible',
  'bedrock-converse': 'bedrock',
  // There is no other; an account of it may be a proxy's.
  gemini: 'gemini',
};

function hostOf(url: string): string | undefined {
  return URL.canParse(url) && !url.startsWith('unix:') ? new URL(url).host : undefined;
}
