import type { IncomingHttpHeaders } from 'node:http';
import { Fault } from '../completion/fault.ts';
import { isZone } from '../governance/zones.ts';
import { type PolicyName, policyNames } from '../routing/decision.ts';
import { type OnFailure, onFailureModes } from './go-on.ts';

/** What the client's x-carrier-… headers ask for. */
export interface CarrierHeaders {
  readonly strict: boolean;
  readonly zones: readonly string[] | undefined;
  readonly deadlineMs: number | undefined;
  readonly tags: Readonly<Record<string, string>> | undefined;
  /** A route policy instead of the route's own. */
  readonly policy: PolicyName | undefined;
  /** What belongs together, in the client's own words. */
  readonly session: string | undefined;
  /** What follows when the answer breaks off after its first content; the route's own unless said. */
  readonly onFailure: OnFailure | undefined;
  /** A fault script for emulated providers. */
  readonly emulate: string | undefined;
}

/** Reads and checks them. Throws Fault: an unknown one is refused rather than ignored, since its sender relies on it. */
export function readCarrierHeaders(headers: IncomingHttpHeaders): CarrierHeaders {
  let asked: { -readonly [name in keyof CarrierHeaders]: CarrierHeaders[name] } | undefined;
  for (const name in headers) {
    if (!name.startsWith(prefix)) continue;
    asked ??= { ...nothingAsked };
    readOne(asked, name, String(headers[name]));
  }
  return asked ?? nothingAsked;
}

const prefix = 'x-carrier-';

const nothingAsked: CarrierHeaders = {
  strict: false,
  zones: undefined,
  deadlineMs: undefined,
  tags: undefined,
  policy: undefined,
  session: undefined,
  onFailure: undefined,
  emulate: undefined,
};

/** A day: no answer takes longer, and larger numbers are mistakes of unit. */
const deadlineMsMax = 86_400_000;
const zonesMax = 32;
const tagsMax = 16;
const emulateLengthMax = 1024;
const sessionLengthMax = 256;

function readOne(
  asked: { -readonly [name in keyof CarrierHeaders]: CarrierHeaders[name] },
  name: string,
  value: string,
): void {
  switch (name) {
    case 'x-carrier-strict':
      if (value !== '0' && value !== '1') throw invalid(name, 'is 1 or 0');
      asked.strict = value === '1';
      return;
    case 'x-carrier-zones':
      asked.zones = readZones(name, value);
      return;
    case 'x-carrier-deadline-ms':
      asked.deadlineMs = readDeadline(name, value);
      return;
    case 'x-carrier-tags':
      asked.tags = readTags(name, value);
      return;
    case 'x-carrier-emulate':
      if (value.length > emulateLengthMax) throw invalid(name, `is at most ${emulateLengthMax} characters`);
      asked.emulate = value;
      return;
    case 'x-carrier-on-failure':
      asked.onFailure = readOnFailure(name, value);
      return;
    case 'x-carrier-policy':
      asked.policy = readPolicy(name, value);
      return;
    case 'x-carrier-session':
      if (value === '' || value.length > sessionLengthMax)
        throw invalid(name, `has 1 to ${sessionLengthMax} characters`);
      asked.session = value;
      return;
    default:
      throw new Fault('header_invalid', `There is no header ${name.slice(0, 64)}.`);
  }
}

function readPolicy(name: string, value: string): PolicyName {
  const policy = policyNames.find(known => known === value);
  if (policy === undefined) throw invalid(name, `is one of ${policyNames.join(', ')}`);
  return policy;
}

function readOnFailure(name: string, value: string): OnFailure {
  const mode = onFailureModes.find(known => known === value);
  if (mode === undefined) throw invalid(name, 'is error, restart or continue');
  return mode;
}

function readZones(name: string, value: string): readonly string[] {
  const zones = value.split(',').map(zone => zone.trim());
  if (zones.length > zonesMax) throw invalid(name, `lists at most ${zonesMax} zones`);
  const unknown = zones.find(zone => !isZone(zone));
  if (unknown !== undefined) throw invalid(name, 'lists zones such as EU, DE or US, separated by commas');
  return zones;
}

function readDeadline(name: string, value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value) || Number(value) > deadlineMsMax) {
    throw invalid(name, `is whole milliseconds from 1 to ${deadlineMsMax}`);
  }
  return Number(value);
}

function readTags(name: string, value: string): Readonly<Record<string, string>> {
  const tags: Record<string, string> = {};
  const pairs = value.split(',');
  if (pairs.length > tagsMax) throw invalid(name, `has at most ${tagsMax} tags`);
  for (const pair of pairs) {
    const match = /^\s*([A-Za-z][A-Za-z0-9_.-]{0,63})=([\x21-\x7e]{1,128})\s*$/.exec(pair);
    if (match === null) throw invalid(name, 'is k=v,… with keys up to 64 and values up to 128 characters');
    const key = match[1]!;
    if (Object.hasOwn(tags, key)) throw invalid(name, 'names each tag once');
    tags[key] = match[2]!;
  }
  return tags;
}

function invalid(name: string, rule: string): Fault {
  return new Fault('header_invalid', `${name} ${rule}.`);
}
