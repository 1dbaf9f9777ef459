// Both clients are of InstantSearch's own types.
import instantsearch from 'instantsearch.js';
import { createInsightsClient, createSearchClient, MmpipeError } from 'mmpipe-instantsearch';
import type { Hit } from 'mmpipe-instantsearch';

export const search = instantsearch({
  indexName: 'shop',
  searchClient: createSearchClient({
    url: 'https://search.shop.example',
    attributes: { maker: 'brand' },
    transformHit: (hit: Hit, found): Hit => ({ ...hit, text: found.price }),
  }),
  insights: { insightsClient: createInsightsClient({ onError: (error: Error) => console.warn(error.message) }) },
});
search.on('error', ({ error }: { error: Error }) => error instanceof MmpipeError && console.warn(error.status));

// @ts-expect-error an option that there is not
createSearchClient({ adress: 'https://search.shop.example' });
