// Calls to the service that this page came from. What fails becomes a Problem that can be shown as it is.

const KEPT = "mmpipe.key";

// An answer that is none: RFC 9457, or that nobody answered.
export class Problem extends Error {
  constructor({ title, detail = "", status = 0, field = null, retryAfter = 0 }) {
    super(detail || title);
    this.title = title;
    this.detail = detail;
    this.status = status;
    this.field = field;
    this.retryAfter = retryAfter;
  }
}

// The caller's key, for as long as the tab is open.
export const key = {
  get: () => sessionStorage.getItem(KEPT) || "",
  set: (value) => (value ? sessionStorage.setItem(KEPT, value) : sessionStorage.removeItem(KEPT)),
};

const running = new Map();

// A signal for a kind of call of which only the newest matters: it ends the one before. `with` ends it too.
export function latest(kind, within = undefined) {
  running.get(kind)?.abort();
  const mine = new AbortController();
  running.set(kind, mine);
  return within ? AbortSignal.any([mine.signal, within]) : mine.signal;
}

// Whether an error only says that nobody waits for the answer any more.
export const outdated = (error) => error?.name === "AbortError";

export function headers(more = {}) {
  const held = key.get();
  return held ? { ...more, Authorization: `Bearer ${held}` } : more;
}

// A path with a query string; lists repeat, null and undefined are left out.
export function url(path, query = {}) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) if (each !== null && each !== undefined) given.append(name, each);
  }
  const text = given.toString();
  return text ? `${path}?${text}` : path;
}

// The parsed answer of any call; `body` is sent as JSON, `form` (FormData) or `data` (a Blob) as it is.
// Where a key is asked for, `document` gets "keyneeded", and the call waits for nobody: it fails with the rest.
export async function send(method, path, { query, body, form, data, signal, headers: more } = {}) {
  const given = headers(more);
  let content = form ?? data;
  if (body !== undefined) {
    given["Content-Type"] = "application/json";
    content = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(url(path, query), { method, headers: given, body: content, signal });
  } catch (error) {
    if (outdated(error)) throw error;
    throw new Problem({ title: "offline" });
  }
  if (answer.ok) return answer.status === 204 ? null : read(answer);
  const problem = await problemOf(answer);
  if (problem.status === 401) document.dispatchEvent(new CustomEvent("keyneeded", { detail: problem }));
  throw problem;
}

export const get = (path, query, signal) => send("GET", path, { query, signal });
export const post = (path, body, signal) => send("POST", path, { body, signal });
export const put = (path, body, signal, more) => send("PUT", path, { body, signal, headers: more });

async function read(answer) {
  const type = answer.headers.get("content-type") || "";
  return type.includes("json") ? answer.json() : answer.text();
}

export async function problemOf(answer) {
  const status = answer.status;
  const retryAfter = Number(answer.headers.get("retry-after")) || 0;
  try {
    const told = await answer.json();
    return new Problem({ title: told.title, detail: told.detail, field: told.field, status, retryAfter });
  } catch {
    return new Problem({ title: `HTTP ${status}`, status, retryAfter });
  }
}
