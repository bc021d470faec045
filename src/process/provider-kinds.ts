import type { ProviderKind } from '../control/provider-kinds.ts';
import { providers } from '../providers/registry.ts';

/** What control/ asks of the kinds of providers, from providers/. */
export const providerKinds: readonly ProviderKind[] = providers.map(provider => ({
  name: provider.name,
  dialects: provider.dialects,
  baseUrl: () => provider.baseUrl,
  environment: provider.environment,
}));
