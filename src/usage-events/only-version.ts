import type { RateTimeline } from '../pricing/timeline.ts';
import type { UsageDirectory } from './directory.ts';

/** The same, with the prices of one version only, whenever it holds. */
export function onlyVersion(directory: UsageDirectory, version: string): UsageDirectory {
  return {
    hasOrganisation: organisation => directory.hasOrganisation(organisation),
    hasProject: project => directory.hasProject(project),
    projectOfKey: key => directory.projectOfKey(key),
    findDeployment: id => directory.findDeployment(id),
    owesOnLine: owing => directory.owesOnLine(owing),
    pricesOf: priced => {
      const { sell, buy } = directory.pricesOf(priced);
      return { sell: cardOf(sell, version), buy: cardOf(buy, version) };
    },
  };
}

function cardOf(timeline: RateTimeline | undefined, version: string): RateTimeline | undefined {
  const found = timeline?.cards.find(({ card }) => card?.version === version);
  if (timeline === undefined || found === undefined) return undefined;
  return { currency: timeline.currency, cards: [{ ...found, fromMs: Number.NEGATIVE_INFINITY }] };
}
