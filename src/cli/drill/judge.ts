import type { DrillReport, PhaseReport } from './drill-report.ts';
import { comesBackFromSeconds } from './plan.ts';

export interface Verdict {
  readonly name: string;
  /** What must hold, for people. */
  readonly claim: string;
  readonly outcome: 'held' | 'broken' | 'not-judged';
  readonly found: string;
}

/** By default at most so many attempts an exchange. */
const attemptsMax = 3;
/** Before a breaker knows, five answers must have failed, and workers hear of each other within so long. */
const failuresToOpen = 5;
const hearsWithinSeconds = 0.25;
const attemptsBesides = 5;
/** What an outage may add to an ordinary answer without anybody noticing. */
const addedMedianMsMax = 250;
/** Standard deviations between the shares of B and C: by chance once in 16,000 drills. */
const deviationsMax = 4;

/** The drill's criteria. One broken one fails the drill. */
export function judge(report: DrillReport): readonly Verdict[] {
  const phase = (name: PhaseReport['name']) => report.phases.find(found => found.name === name)!;
  const hard = phase('hard');
  const back = phase('back');
  const toAMax = Math.ceil(failuresToOpen + attemptsBesides + report.rate * hearsWithinSeconds);
  const added = report.phases.flatMap(({ addedMs }) => (addedMs === undefined ? [] : [addedMs.p50]));
  const addedMost = Math.max(0, ...added);
  const { b, c } = hard.answeredBy;
  const apart = Math.abs(b - c);
  const apartMax = Math.ceil(deviationsMax * Math.sqrt(b + c));
  return [
    {
      name: 'no-errors',
      claim: 'every request is answered whole, since B and C are well',
      outcome: held(report.failed === 0 && report.unsent === 0),
      found: `${report.failed} of ${report.asked} failed${report.unsent === 0 ? '' : `, ${report.unsent} could not be sent`}`,
    },
    {
      name: 'attempts',
      claim: `nobody takes more than ${attemptsMax} attempts`,
      outcome: held(report.attemptsMost <= attemptsMax),
      found: `at most ${report.attemptsMost}`,
    },
    {
      name: 'left-alone',
      claim: `while A fails, at most ${toAMax} attempts go there`,
      outcome: held(hard.arrived.a <= toAMax),
      found: `${hard.arrived.a} went there`,
    },
    {
      name: 'unnoticed',
      claim: `no phase adds more than ${addedMedianMsMax} ms to the median answer`,
      outcome: added.length === 0 ? 'broken' : held(addedMost <= addedMedianMsMax),
      found: `at most ${Math.round(addedMost)} ms`,
    },
    {
      name: 'equal',
      claim: `B and C share alike what A leaves, within ${apartMax} requests`,
      outcome: held(apart <= apartMax && b + c > 0),
      found: `${b} and ${c}`,
    },
    {
      name: 'contained',
      claim: 'what fails at A stays within the share that B and C keep for it',
      outcome: held(report.inflowBeyondShare === 0),
      found: `${report.inflowBeyondShare} beyond it`,
    },
    {
      name: 'comes-back',
      claim: 'A gets requests again once it is well',
      outcome: report.seconds < comesBackFromSeconds ? 'not-judged' : held(back.answeredBy.a > 0),
      found:
        report.seconds < comesBackFromSeconds
          ? `needs ${comesBackFromSeconds} s: a breaker stays open for 15 s and more`
          : `${back.answeredBy.a} of ${back.asked}`,
    },
    {
      name: 'accounted',
      claim: 'the ledger has every request once, and none is left open',
      outcome: held(report.exchangesInLedger === report.asked && report.exchangesOpen === 0),
      found: `${report.exchangesInLedger} of ${report.asked}, ${report.exchangesOpen} open`,
    },
  ];
}

function held(isHeld: boolean): Verdict['outcome'] {
  return isHeld ? 'held' : 'broken';
}
