import { Fault } from '../completion/fault.ts';
import type { AdmitRecord } from '../journal/record.ts';
import { tagNamePattern } from '../snapshot/key-guard.ts';

/** Usage by tags, `tag:team`. It is kept as parts of the whole, beside it and never added to it, as that of single meters is:
 *  in series whose meter is `tag:team=search`. They do not tell keys, routes and deployments apart, so that there are no
 *  more of them than values times models. */
export type TagDimension = `tag:${string}`;

/** Values of one tag of one organisation that usage is told apart by; what comes later counts as `(others)`. */
export const tagValuesMax = 1_000;
export const otherValues = '(others)';

/** What series of tags do not tell apart. */
export const lostInTags = ['key', 'route', 'deployment', 'meter'] as const;

export function isTagDimension(name: string): name is TagDimension {
  return name.startsWith('tag:') && tagNamePattern.test(name.slice('tag:'.length));
}

/** The meters of the series of one exchange's tags. */
export function tagParts({ tags, usageTags }: Pick<AdmitRecord, 'tags' | 'usageTags'>): readonly string[] {
  if (usageTags === undefined || tags === undefined) return nothing;
  return usageTags.map(name => tagPart(name, tags[name] ?? ''));
}

const nothing: readonly string[] = [];

export function tagPart(name: string, value: string): string {
  return `tag:${name}=${value}`;
}

/** `tag:team` of `tag:team=search`; undefined where the meter is one. */
export function tagOfPart(meter: string): TagDimension | undefined {
  if (!meter.startsWith('tag:')) return undefined;
  return meter.slice(0, meter.indexOf('=')) as TagDimension; // true: only tagPart makes meters that begin so
}

/** SQL for the series `s` of a tag, and for its value in them. The name holds nothing that SQL would read. */
export function tagSql(tag: TagDimension): { readonly where: string; readonly value: string } {
  if (!isTagDimension(tag)) throw new Error(`not a tag: ${tag}`);
  return { where: `starts_with(s.meter, '${tag}=')`, value: `substr(s.meter, ${tag.length + 2})` };
}

/** Throws Fault('report_invalid') for what usage by tags cannot tell. */
export function checkTagQuery(by: readonly string[], filter: Readonly<Record<string, unknown>>): void {
  const tags = by.filter(name => name.startsWith('tag:'));
  if (tags.length === 0) return;
  const refuse = (message: string) => {
    throw new Fault('report_invalid', message, { parameter: 'by' });
  };
  if (tags.length > 1) refuse('Usage is told apart by one tag at a time.');
  const lost = lostInTags.find(name => by.includes(name) || filter[name] !== undefined);
  if (lost !== undefined) refuse(`Usage by a tag is not told apart by ${lost}; leave \`${lost}\` out.`);
}
