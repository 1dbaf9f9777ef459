import type { ClientOptions, InsightsClient, InsightsOptions, SearchClient } from './types.js';

export type * from './types.js';

/** A `searchClient` for InstantSearch. */
export function createSearchClient(options?: ClientOptions): SearchClient;

/** An `insightsClient` for InstantSearch's `insights`, which stores what shoppers do as interactions. */
export function createInsightsClient(options?: InsightsOptions): InsightsClient;

/** What mmpipe refused, or why it was not reached. */
export class MmpipeError extends Error {
  /** the HTTP status; 0 where there was no answer */
  status: number;
  /** the problem document (RFC 9457) of the answer, where there is one */
  problem: Record<string, any> | null;
}
