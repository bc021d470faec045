import type { DialectName } from '../completion/request.ts';

/** What control needs to know of a kind of provider; providers/ has the rest. */
export interface ProviderKind {
  readonly name: string;
  readonly dialects: readonly DialectName[];
  /** Where it is reached unless the account says otherwise; undefined for kinds that have no address of their own. */
  readonly baseUrl: (dialect: DialectName) => string | undefined;
  /** Environment variables that hold its key, first one first. */
  readonly environment: readonly string[];
}

/** The kind of an account that names none: the provider whose host it calls, else any that speaks the dialect. */
export function inferKind(kinds: readonly ProviderKind[], dialect: DialectName, baseUrl: string): string {
  const host = hostOf(baseUrl);
  const known = kinds.find(kind =>
    kind.dialects.some(spoken => {
      const own = kind.baseUrl(spoken);
      return own !== undefined && host !== undefined && hostOf(own) === host;
    }),
  );
  if (known !== undefined) return known.name;
  return dialect === 'anthropic-messages' ? 'anthropic-compatible' : 'openai-compatible';
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) && !url.startsWith('unix:') ? new URL(url).host : undefined;
}
