// A service that answers as it is told, and remembers what it was asked.

/** @param {(path: string, body: any) => any} answer an answer, or {status, body, headers} */
export function fake(answer) {
  const asked = [];
  const fetch = async (path, { body, headers, signal } = {}) => {
    const given = body && JSON.parse(body);
    asked.push({ path, body: given, headers });
    if (signal?.aborted) throw signal.reason;
    const told = await Promise.race([
      answer(path, given, asked.length),
      new Promise((_, failed) => signal?.addEventListener('abort', () => failed(signal.reason))),
    ]);
    const { status = 200, headers: more = {}, body: said = told } = told.status ? told : {};
    return new Response(typeof said === 'string' ? said : JSON.stringify(said), { status, headers: more });
  };
  return { fetch, asked };
}

/** A page of a search. */
export function page(hits = [], more = {}) {
  return { collection: 'shop', version: 'products@1', total: hits.length, hits, facets: {}, took_ms: 1.4, next_cursor: null, ...more };
}

/** A hit as the API has it. */
export function product(id, more = {}) {
  return { id, title: `Title ${id}`, brand: null, category: null, price: '10.00 USD', list_price: null, availability: 'in_stock', ...more };
}
