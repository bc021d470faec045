/** Answers about prices, as far as the command line shows them. */

export type RateAnswer =
  | string
  | {
      readonly amount: string;
      readonly per: number;
      readonly minimum?: number;
      readonly free?: string;
      readonly graduated?: readonly unknown[];
      readonly volume?: readonly unknown[];
    };

export interface RowAnswer {
  readonly rates: Readonly<Record<string, RateAnswer>>;
  readonly tiers: readonly unknown[];
  readonly cells?: readonly unknown[];
}

export interface PricesAnswer {
  readonly books: readonly {
    readonly book: string;
    readonly version: string;
    readonly currency: string;
    readonly from: string | null;
    readonly follows?: { readonly book: string; readonly multiplier: string };
    readonly rates: Readonly<Record<string, RowAnswer>>;
    readonly derived?: readonly Readonly<Record<string, RowAnswer>>[];
    readonly later: readonly {
      readonly from: string;
      readonly version: string;
      readonly rates: Readonly<Record<string, RowAnswer>>;
    }[];
  }[];
  readonly rules: readonly { readonly id: string; readonly state: string; readonly version: string | null }[];
}

export interface PublicationAnswer {
  readonly revision: string;
  readonly changes: readonly {
    readonly book: string;
    readonly from: string | null;
    readonly target: string;
    readonly where: string;
    readonly meter: string;
    readonly before: string | null;
    readonly after: string | null;
    readonly changePercent: string | null;
    readonly factor: string | null;
  }[];
  readonly changesInAll: number;
  readonly versions: readonly string[];
  readonly notices: readonly string[];
}

export interface QuoteAnswer {
  readonly amount: string;
  readonly currency: string;
  readonly version: string;
  readonly lines: readonly {
    readonly meter: string;
    readonly quantity: number;
    readonly rate: string;
    readonly per: string;
    readonly amount: string;
  }[];
}

export interface QuotesAnswer {
  readonly at: string;
  readonly quotes: readonly {
    readonly deployment: string;
    readonly sell: QuoteAnswer | { readonly unpriced: string };
    readonly buy: QuoteAnswer | { readonly unpriced: string };
  }[];
}

export interface FactReviewAnswer {
  readonly version: string;
  readonly unchanged: number;
  readonly changes: readonly {
    readonly provider: string;
    readonly model: string;
    readonly change: string;
    readonly lines: readonly {
      readonly from: string | null;
      readonly where: string;
      readonly meter: string;
      readonly before: string | null;
      readonly after: string | null;
    }[];
    readonly reasons: readonly string[];
    readonly snapped: readonly string[];
  }[];
  readonly excluded: readonly { readonly provider: string; readonly model: string; readonly reason: string }[];
}

export interface FactImportAnswer {
  readonly version: string;
  readonly approved: number;
  readonly held: number;
  readonly gone: number;
  readonly unchanged: number;
  readonly heldFacts: readonly { readonly fact: string; readonly reasons: readonly string[] }[];
}

export interface FactAnswer {
  readonly id: string;
  readonly approved: readonly RowAnswer[] | null;
  readonly held: readonly RowAnswer[] | null;
  readonly reasons: readonly string[] | null;
}
