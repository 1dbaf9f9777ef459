import { Recent } from './recent.js';

// Who is asked to wait longer is told so instead.
const LONGEST_WAIT_MS = 3_000;
// Pictures in requests would make the cache large.
const LONGEST_KEY = 20_000;

export class MmpipeError extends Error {
  /** @param {string} message @param {number} status @param {Record<string, any> | null} problem */
  constructor(message, status = 0, problem = null) {
    super(message);
    this.name = 'MmpipeError';
    this.status = status;
    this.problem = problem;
  }
}

/**
 * Requests to mmpipe. The same one that is under way or was answered within `cacheMs` is not sent again. A 429
 * or 503 is tried once more, when its Retry-After says, if that is soon.
 * @param {import('./types.js').ClientOptions} options
 */
export function createTransport(options) {
  const { url = '', apiKey, cacheMs = 60_000, cacheSize = 100, timeoutMs = 10_000, signal } = options;
  const root = url.replace(/\/+$/, '');
  /** @type {Recent<{until: number, answer: Promise<any>}>} */
  const kept = new Recent(cacheSize);

  /** @param {string} path @param {object | undefined} body @returns {Promise<any>} */
  async function send(path, body) {
    const asked = options.fetch ?? globalThis.fetch;
    const ended = new AbortController();
    const end = () => ended.abort(signal?.reason);
    if (signal?.aborted) end();
    signal?.addEventListener('abort', end);
    const late = setTimeout(() => ended.abort(new MmpipeError(`no answer within ${timeoutMs} ms`)), timeoutMs);
    /** @type {Record<string, string>} */
    const headers = { Accept: 'application/json' };
    if (apiKey) headers.Authorization = `Bearer ${apiKey}`;
    if (body) headers['Content-Type'] = 'application/json';
    try {
      for (let again = true; ; again = false) {
        const response = await asked(root + path, {
          method: body ? 'POST' : 'GET',
          headers,
          body: body && JSON.stringify(body),
          signal: ended.signal,
          credentials: 'omit',
        });
        if (response.ok) return await response.json();
        const wait = 1_000 * Number(response.headers.get('Retry-After') ?? NaN);
        if (again && [429, 503].includes(response.status) && wait <= LONGEST_WAIT_MS) {
          await response.arrayBuffer();
          await pause(wait, ended.signal);
        } else {
          throw await refusal(response);
        }
      }
    } catch (error) {
      if (error instanceof MmpipeError) throw error;
      if (ended.signal.aborted) throw ended.signal.reason;
      throw new MmpipeError(`mmpipe was not reached at ${root || 'this origin'}: ${/** @type {any} */ (error)?.message}`);
    } finally {
      clearTimeout(late);
      signal?.removeEventListener('abort', end);
    }
  }

  return {
    /** @param {string} path @param {object} [body] @returns {Promise<any>} what it answered; to be left as it is */
    ask(path, body) {
      const key = `${path} ${body ? JSON.stringify(body) : ''}`;
      if (!cacheMs || key.length > LONGEST_KEY) return send(path, body);
      const found = kept.get(key);
      if (found && found.until > Date.now()) return found.answer;
      const answer = send(path, body);
      kept.set(key, { until: Date.now() + cacheMs, answer });
      answer.catch(() => kept.get(key)?.answer === answer && kept.delete(key));
      return answer;
    },
    clear() {
      kept.clear();
    },
  };
}

/** @param {Response} response */
async function refusal(response) {
  /** @type {Record<string, any> | null} */
  let problem = null;
  try {
    problem = await response.json();
  } catch {
    // a proxy's page: the status says enough
  }
  const places = (problem?.errors ?? []).map((/** @type {any} */ each) => `${each.field}: ${each.detail}`);
  const told = [problem?.detail ?? problem?.title, ...places].filter(Boolean).join('; ');
  return new MmpipeError(`mmpipe answered ${response.status}${told && `: ${told}`}`, response.status, problem);
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((done, failed) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      failed(signal.reason);
    });
  });
}
