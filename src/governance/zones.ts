/** The residency lattice: GLOBAL ⊃ EU ⊃ member states; every other country stands under GLOBAL. Below a country or the EU
 *  come a cloud region and what lies in it, written as a path: `DE/eu-central-1`, `DE/eu-central-1/rack-7`.
 *
 *  A place that nobody knows is GLOBAL as the place where something happens, so no policy but GLOBAL permits it. As the
 *  place that a policy permits, an unknown zone permits nothing: policy fails closed both ways. */
export type Zone = string;

export const GLOBAL: Zone = 'GLOBAL';

/** Segments under a country at most: cloud region, on-premises site. */
const subzoneDepthMax = 2;
/** Longest zone name; longer ones are unknown. */
const zoneLengthMax = 80;

// ISO 3166-1 alpha-2. Member states of the EU as of 2020-02-01.
const memberStates = 'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK'.split(' ');
const otherCountries = (
  'AD AE AF AG AI AL AM AO AQ AR AS AU AW AX AZ BA BB BD BF BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG ' +
  'CH CI CK CL CM CN CO CR CU CV CW CX DJ DM DO DZ EC EG EH ER ET FJ FK FM FO GA GB GD GE GF GG GH GI GL GM GN GP GQ GS ' +
  'GT GU GW GY HK HM HN HT ID IL IM IN IO IQ IR IS JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LY ' +
  'MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MU MV MW MX MY MZ NA NC NE NF NG NI NO NP NR NU NZ OM PA PE PF PG PH ' +
  'PK PM PN PR PS PW PY QA RE RS RU RW SA SB SC SD SG SH SJ SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM ' +
  'TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW'
).split(' ');

const parents: ReadonlyMap<Zone, Zone | undefined> = new Map<Zone, Zone | undefined>([
  [GLOBAL, undefined],
  ['EU', GLOBAL],
  ...memberStates.map(state => [state, 'EU'] as const),
  ...otherCountries.map(country => [country, GLOBAL] as const),
]);

/** Is this a name of the lattice? Names are upper case up to the country, lower case below it. */
export function isZone(name: string): boolean {
  if (parents.has(name)) return true;
  if (name.length > zoneLengthMax) return false;
  const [root = '', ...below] = name.split('/');
  if (root === GLOBAL || !parents.has(root) || below.length > subzoneDepthMax) return false;
  return below.every(segment => /^[a-z0-9][a-z0-9-]*$/.test(segment));
}

/** Where something happens, as the lattice sees it: unknown is GLOBAL. */
export function placeOf(name: string | undefined): Zone {
  return name !== undefined && isZone(name) ? name : GLOBAL;
}

/** Does everything in `inner` lie in `outer`? Unknown `inner` is GLOBAL; unknown `outer` contains nothing. */
export function contains(outer: Zone, inner: Zone): boolean {
  if (outer === GLOBAL) return true;
  if (!isZone(outer) || !isZone(inner)) return false;
  for (let zone: Zone | undefined = inner; zone !== undefined; zone = parentOf(zone)) {
    if (zone === outer) return true;
  }
  return false;
}

/** May something happen in `place` when `allowed` are the zones that a policy permits? undefined permits every place. */
export function permits(allowed: readonly Zone[] | undefined, place: Zone): boolean {
  return allowed === undefined || allowed.some(zone => contains(zone, place));
}

/** The places that both policies permit, each zone listed once and none inside another, sorted. undefined permits every
 *  place; an empty list permits none. Zones are subtrees, so two of them share nothing or one contains the other. */
export function intersect(
  left: readonly Zone[] | undefined,
  right: readonly Zone[] | undefined,
): readonly Zone[] | undefined {
  if (left === undefined) return right === undefined ? undefined : outermost(right);
  if (right === undefined) return outermost(left);
  const shared = left.flatMap(a => right.flatMap(b => (contains(a, b) ? [b] : contains(b, a) ? [a] : [])));
  return outermost(shared);
}

function outermost(zones: readonly Zone[]): readonly Zone[] {
  const known = [...new Set(zones)].filter(isZone).sort();
  return known.filter(zone => !known.some(other => other !== zone && contains(other, zone)));
}

function parentOf(zone: Zone): Zone | undefined {
  const slash = zone.lastIndexOf('/');
  return slash === -1 ? parents.get(zone) : zone.slice(0, slash);
}
