import { Recent } from './recent.js';
import { MmpipeError } from './transport.js';

// As many hits as one answer of mmpipe has.
const STEP = 100;
const SEARCHES = 50;

/**
 * Pages by number over pages by cursor. mmpipe tells where the next page begins; where one begins that nobody
 * was at yet, the hits before it are passed by, 100 in a request.
 * @param {(body: Record<string, any>) => Promise<any>} search
 */
export function createPages(search) {
  /** @type {Recent<Map<number, string>>} */
  const known = new Recent(SEARCHES);

  /** @param {Record<string, any>} body @returns {Map<number, string>} */
  function begins(body) {
    const { facets: _, highlight: __, fields: ___, explain: ____, ...search } = body;
    const key = JSON.stringify(search);
    const found = known.get(key) ?? new Map();
    known.set(key, found);
    return found;
  }

  /** @param {Record<string, any>} body @param {Map<number, string>} places @param {number} at @param {number} limit */
  async function step(body, places, at, limit) {
    const cursor = places.get(at);
    const answer = await search({ ...body, limit, ...(cursor && { cursor }) });
    if (answer.next_cursor) places.set(at + limit, answer.next_cursor);
    return answer;
  }

  /** Goes to the hit `start`; whether there is one. @param {Record<string, any>} body @param {Map<number, string>} places @param {number} start */
  async function walk(body, places, start) {
    const { facets: _, highlight: __, fields: ___, ...bare } = body;
    let at = Math.max(0, ...[...places.keys()].filter((place) => place <= start));
    while (at < start) {
      const limit = Math.min(STEP, start - at);
      await step(bare, places, at, limit);
      at += limit;
      if (!places.has(at)) return false;
    }
    return true;
  }

  /** @param {Record<string, any>} body @param {number} start @param {number} length */
  async function read(body, start, length) {
    const places = begins(body);
    if (length === 0 || !(await walk(body, places, start))) {
      return { answer: await search({ ...body, limit: 1 }), hits: [] };
    }
    const answer = await step(body, places, start, Math.min(STEP, length));
    const hits = [...answer.hits];
    const { facets: _, ...more } = body;
    while (hits.length < length && places.has(start + hits.length)) {
      const next = await step(more, places, start + hits.length, Math.min(STEP, length - hits.length));
      if (!next.hits.length) break;
      hits.push(...next.hits);
    }
    return { answer, hits };
  }

  return {
    /**
     * The hits from `start` on, and the answer that the first of them came with.
     * @param {Record<string, any>} body @param {number} start @param {number} length
     * @returns {Promise<{answer: any, hits: import('./types.js').MmpipeHit[]}>}
     */
    async read(body, start, length) {
      try {
        return await read(body, start, length);
      } catch (error) {
        if (!start || !(error instanceof MmpipeError) || error.problem?.field !== 'cursor') throw error;
        // mmpipe knows the cursor no more: it is another one since.
        begins(body).clear();
        return read(body, start, length);
      }
    },
    clear() {
      known.clear();
    },
  };
}
