/** Where a caller stands with a limit, as every dialect can say it. */
export interface RateLimitState {
  readonly kind: 'requests' | 'tokens';
  readonly limit: number;
  readonly remaining: number;
  /** Until the whole of it is there again. */
  readonly resetMs: number;
}
