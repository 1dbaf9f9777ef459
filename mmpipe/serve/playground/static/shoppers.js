// Made-up shoppers of this tab. Each is an id that interactions and searches name; nobody is one of them.

const KEPT = "mmpipe.shopper";
const SEEN = "mmpipe.did";
export const NAMES = ["ada", "bo", "chen"];

function salt() {
  let held = sessionStorage.getItem("mmpipe.salt");
  if (!held) {
    held = fresh();
    sessionStorage.setItem("mmpipe.salt", held);
  }
  return held;
}

function fresh() {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Who shops now: `name` of NAMES, or null for nobody who is known; `id` as the service is told, or null.
export function shopper() {
  const name = sessionStorage.getItem(KEPT);
  if (!NAMES.includes(name)) return { name: null, id: null };
  return { name, id: `playground-${name}-${salt()}` };
}

export function become(name) {
  if (name) sessionStorage.setItem(KEPT, name);
  else sessionStorage.removeItem(KEPT);
}

// All of them are strangers again: their ids are new ones.
export function forget() {
  sessionStorage.setItem("mmpipe.salt", fresh());
  sessionStorage.removeItem(SEEN);
}

// What a shopper did in this tab, the last first: `{ type, product_id, title }`.
export function did(name) {
  return JSON.parse(sessionStorage.getItem(SEEN) || "{}")[name] || [];
}

export function remember(name, event) {
  const held = JSON.parse(sessionStorage.getItem(SEEN) || "{}");
  held[name] = [event, ...(held[name] || [])].slice(0, 20);
  sessionStorage.setItem(SEEN, JSON.stringify(held));
}
