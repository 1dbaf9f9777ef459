export { createSearchClient } from './client.js';
export { createInsightsClient } from './insights.js';
export { MmpipeError } from './transport.js';
