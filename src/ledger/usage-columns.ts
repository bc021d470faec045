import { type Slice, slices } from '../completion/usage.ts';

/** The columns of usage_delta and the usage_by_… tables (migration 0007), in their order. */

export const sliceColumns = {
  inputUncached: 'input_uncached',
  cacheRead: 'cache_read',
  cacheWrite5m: 'cache_write_5m',
  cacheWrite1h: 'cache_write_1h',
  inputAudio: 'input_audio',
  inputImage: 'input_image',
  inputVideo: 'input_video',
  output: 'output',
  reasoning: 'reasoning',
  outputAudio: 'output_audio',
  outputImage: 'output_image',
} as const satisfies Record<Slice, string>;

export const countColumns = ['requests', 'attempts', 'failures', 'estimated', 'quarantined', 'corrections'] as const;

export const moneyColumns = [
  'sell_atto',
  'over_hold_atto',
  'estimated_atto',
  'held_atto',
  'buy_atto',
  'buy_failed_atto',
  'buy_variance_atto',
  'sell_correction_atto',
  'buy_correction_atto',
] as const;

export const measureColumns = [
  ...countColumns,
  ...slices.map(slice => sliceColumns[slice]),
  'quantity',
  ...moneyColumns,
] as const;

export type MeasureColumn = (typeof measureColumns)[number];

export const seriesColumns = [
  'organisation',
  'project',
  'key',
  'route',
  'model',
  'provider',
  'deployment',
  'class',
  'meter',
  'sell_currency',
  'buy_currency',
  'sandbox',
] as const;
