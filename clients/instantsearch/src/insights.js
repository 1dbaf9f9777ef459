import { indexOf } from './fields.js';
import { createTransport } from './transport.js';

/** @typedef {Record<string, any>} Payload */

const MOST_EVENTS = 1_000;
// Of InstantSearch itself, and of filters: mmpipe stores what shoppers do with products.
const LISTS = 'search';

/**
 * An `insightsClient` for InstantSearch: what it tells of views, clicks and purchases is stored as interactions.
 * Called as `search-insights` is. Events wait a moment for others, and are sent when the page is left.
 * @param {import('./types.js').InsightsOptions} [options]
 * @returns {import('./types.js').InsightsClient}
 */
export function createInsightsClient(options = {}) {
  const { waitMs = 200, conversion = 'add-to-cart' } = options;
  const sending = options.fetch ?? globalThis.fetch;
  // What is sent must arrive though the page is left.
  const transport = createTransport({ ...options, cacheMs: 0, fetch: (path, init) => sending(path, { ...init, keepalive: true }) });
  const onError = options.onError ?? ((/** @type {Error} */ error) => console.error(error));
  /** @type {Map<string, Payload[]>} */
  const waiting = new Map();
  /** @type {string | undefined} */
  let session;
  /** @type {string | undefined} */
  let user;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {((token: string | undefined) => void) | undefined} */
  let listener;

  async function flush() {
    clearTimeout(timer);
    timer = undefined;
    const sent = [...waiting];
    waiting.clear();
    await Promise.all(sent.map(([collection, events]) => store(collection, events)));
  }

  /** @param {string} collection @param {Payload[]} events */
  async function store(collection, events) {
    for (let at = 0; at < events.length; at += MOST_EVENTS) {
      const interactions = events.slice(at, at + MOST_EVENTS);
      try {
        const { rejected } = await transport.ask('/v1/interactions', { ...(collection && { collection }), interactions });
        for (const each of rejected) onError(new Error(`an event was not stored: ${each.field} ${each.reason}`));
      } catch (error) {
        onError(/** @type {Error} */ (error));
      }
    }
  }

  /** @param {string} type @param {Payload} payload */
  function add(type, payload) {
    const { objectIDs = [], positions, objectData, queryID, index = '', timestamp } = payload;
    const collection = indexOf(index, options).collection ?? '';
    const events = waiting.get(collection) ?? [];
    waiting.set(collection, events);
    session ??= `anonymous-${crypto.randomUUID()}`;
    objectIDs.forEach((/** @type {string} */ product_id, /** @type {number} */ place) => {
      const more = objectData?.[place] ?? {};
      const query_id = more.queryID ?? queryID;
      const position = positions ? positions[place] - 1 : undefined;
      events.push({
        type,
        event_id: crypto.randomUUID(),
        session_id: payload.userToken ?? session,
        ...(user && { user_id: payload.authenticatedUserToken ?? user }),
        product_id,
        ...(timestamp && { time: new Date(timestamp).toISOString() }),
        ...(more.quantity && { quantity: Number(more.quantity) }),
        ...(query_id && { context: { query_id, list: LISTS, ...(position !== undefined && { position }) } }),
      });
    });
    timer ??= setTimeout(flush, waitMs);
  }

  /** The type of an event of this sort, undefined where mmpipe has none. @param {string} sort @param {Payload} payload */
  function typeOf(sort, payload) {
    if (sort === 'click') return payload.queryID ? 'search-click' : 'view';
    if (sort === 'view') return payload.eventName === 'Hits Viewed' ? 'impression' : 'view';
    if (sort !== 'conversion') return undefined;
    return { addToCart: 'add-to-cart', purchase: 'purchase' }[/** @type {string} */ (payload.eventSubtype)] ?? conversion;
  }

  /** @param {string} sort @param {Payload} payload */
  function told(sort, payload) {
    const type = typeOf(sort, payload);
    if (type && payload.objectIDs) add(type, payload);
  }

  /** @type {Record<string, (...given: any[]) => any>} */
  const methods = {
    init: (given = {}) => given.userToken && methods.setUserToken(given.userToken),
    setUserToken(token) {
      session = token === undefined ? undefined : String(token);
      listener?.(session);
    },
    setAuthenticatedUserToken(token) {
      user = token === undefined ? undefined : String(token);
    },
    getUserToken(_, callback) {
      callback?.(null, session);
      return session;
    },
    onUserTokenChange(callback, { immediate = false } = {}) {
      listener = callback;
      if (immediate) callback?.(session);
    },
    clickedObjectIDs: (payload) => told('click', payload),
    clickedObjectIDsAfterSearch: (payload) => told('click', payload),
    viewedObjectIDs: (payload) => told('view', payload),
    convertedObjectIDs: (payload) => told('conversion', payload),
    convertedObjectIDsAfterSearch: (payload) => told('conversion', payload),
    addedToCartObjectIDs: (payload) => add('add-to-cart', payload),
    addedToCartObjectIDsAfterSearch: (payload) => add('add-to-cart', payload),
    purchasedObjectIDs: (payload) => add('purchase', payload),
    purchasedObjectIDsAfterSearch: (payload) => add('purchase', payload),
    sendEvents: (events) => events.forEach((/** @type {Payload} */ each) => told(each.eventType, each)),
  };

  globalThis.addEventListener?.('pagehide', () => void flush());
  const client = (/** @type {string} */ method, /** @type {any[]} */ ...given) => methods[method]?.(...given);
  // As `search-insights` calls itself from where on no `init` is needed.
  return Object.assign(client, { version: '2.17.3', flush });
}
