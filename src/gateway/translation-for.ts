import type { Dialect } from '../dialects/dialect.ts';
import { noMedia } from '../dialects/media-bytes.ts';
import type { ReadRequest } from '../dialects/translate.ts';
import { intersect } from '../governance/zones.ts';
import type { Deployment } from '../snapshot/load.ts';
import type { Admission } from './admit.ts';
import { continuationFor } from './continuation.ts';
import type { Exchange } from './exchange.ts';
import { ExchangeMedia } from './exchange-media.ts';
import type { GatewayState } from './gateway.ts';
import { profileOf } from './profiles.ts';

/** The request in the middle as it is written for one deployment: media that it needs as bytes are fetched. At once where
 *  there is nothing to fetch; undefined where nothing is translated. Also the
 *  request for the rest of a text, where an answer broke off and is gone on with. Throws Fault, `media_fetch_refused` among others. */
export function translationFor(
  gateway: GatewayState,
  exchange: Exchange,
  admission: Admission,
  { deployment, dialect }: { readonly deployment: Deployment; readonly dialect: Dialect },
): ReadRequest | undefined | Promise<ReadRequest> {
  const isContinued = exchange.showing.next === 'continue';
  if (dialect === exchange.dialect && !isContinued) return undefined;
  const translation = isContinued ? continuationFor(exchange, admission, deployment) : exchange.translation;
  if (translation === undefined) return undefined;
  if (exchange.scan.media === noMedia) return translation;
  const { media } = profileOf(deployment.provider.kind, dialect.name, deployment.targetModel);
  exchange.media ??= openMedia(gateway, exchange);
  return exchange.media.inline(translation.request, media).then(request => ({ ...translation, request }));
}

function openMedia({ media, settings, deadlines }: GatewayState, exchange: Exchange): ExchangeMedia {
  const { principal, carrier, client, body, totalEndsAtMs } = exchange;
  return new ExchangeMedia(media, {
    allowed: principal.mediaFetch,
    zones: carrier.zones === undefined ? principal.zones : intersect(principal.zones, carrier.zones),
    ownZone: settings.zone,
    // What the client could have sent itself.
    bytesMax: Math.max(0, settings.limits.bodyBytesMax - body.length),
    client,
    remainingMs: () => totalEndsAtMs - deadlines.now(),
  });
}
