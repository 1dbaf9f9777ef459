// Files on their way: sent one after another, followed until they end, whichever view is shown meanwhile.
import { get, headers, outdated, Problem, problemOf, url } from "../api.js";

const KEPT = "mmpipe.uploads";
const AT_ONCE = 2;
const EVERY_MS = 700;
const ENDED = new Set(["live", "unchanged", "refused", "failed", "replaced"]);
// Given up, and queued again once somebody replays it: followed, and yet it may be put away.
const STUCK = "dead_letter";

// The newest first: { collection, section, name, size, sent, state, told, problem, since }. `state` is that of the
// service, or "waiting", "sending" and "broken" before it has the file; `told` is what it answered last.
let files = restored();
const listeners = new Set();
let polling = null;

export const all = () => files;
const isEnded = (file) => ENDED.has(file.state) || file.state === "broken";
export const isOver = (file) => isEnded(file) || file.state === STUCK;

// Calls `listener` after every change, until the signal is aborted.
export function follow(listener, signal) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener));
  poll();
}

// What of a shop's data a file most likely is.
export function guess(file) {
  return /^(image|audio|video)\//.test(file.type) || /\.(jpe?g|png|webp|gif|avif|heic|bmp|tiff?|mp3|wav|flac|ogg|m4a|mp4|mov|webm|mkv)$/i.test(file.name)
    ? "media" : "feeds";
}

// Send some files to a collection; `section` is one of the bucket's, or null for what each looks like.
export function add(chosen, collection, section) {
  const fresh = [...chosen].map((file) => ({
    file, collection, section: section ?? guess(file), name: file.name, size: file.size, sent: 0, state: "waiting", told: null, problem: null, since: Date.now(),
  }));
  files = [...fresh.reverse(), ...files];
  next();
}

export function again(entry) {
  Object.assign(entry, { state: "waiting", sent: 0, problem: null });
  next();
}

// Those that are over are not shown any more.
export function tidy() {
  files = files.filter((file) => !isOver(file));
  changed();
}

function next() {
  const sending = files.filter((file) => file.state === "sending").length;
  const waiting = files.filter((file) => file.state === "waiting").reverse();
  for (const entry of waiting.slice(0, Math.max(0, AT_ONCE - sending))) send(entry);
  changed();
}

function send(entry) {
  entry.state = "sending";
  const path = `/v1/uploads/${entry.section}/${entry.name.split("/").map(encodeURIComponent).join("/")}`;
  const request = new XMLHttpRequest();
  request.open("PUT", url(path, { collection: entry.collection }));
  for (const [name, value] of Object.entries(headers({ "Content-Type": "application/octet-stream" }))) request.setRequestHeader(name, value);
  request.upload.onprogress = (event) => {
    entry.sent = event.loaded;
    changed();
  };
  request.onloadend = async () => {
    if (request.status >= 200 && request.status < 300) {
      Object.assign(entry, { sent: entry.size, file: null });
      take(entry, JSON.parse(request.responseText));
    } else {
      entry.state = "broken";
      entry.problem = request.status === 0 ? new Problem({ title: "offline" })
        : await problemOf(new Response(request.responseText, { status: request.status }));
      if (request.status === 401) document.dispatchEvent(new CustomEvent("keyneeded", { detail: entry.problem }));
    }
    next();
    poll();
  };
  request.send(entry.file);
}

function take(entry, told) {
  entry.told = told;
  entry.state = told.state;
}

async function poll() {
  if (polling) return;
  polling = (async () => {
    for (;;) {
      const open = files.filter((file) => file.told && !isEnded(file));
      if (open.length === 0 || listeners.size === 0) return;
      await Promise.all(open.map(ask));
      changed();
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  })();
  await polling;
  polling = null;
}

async function ask(entry) {
  try {
    take(entry, await get(`/v1/uploads/${entry.told.id}`, { collection: entry.collection }));
    entry.problem = null;
  } catch (error) {
    if (outdated(error)) return;
    // It may be away for a moment; what is gone for good is not asked for again.
    entry.problem = error;
    if (error.status === 404) entry.state = "replaced";
  }
}

function changed() {
  const told = files.filter((file) => file.told).slice(0, 50).map(({ collection, section, name, size, told, since }) => ({ collection, section, name, size, told, since }));
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(told));
  } catch {
    // A full or forbidden store: they are followed all the same.
  }
  for (const listener of listeners) listener();
}

function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]").map((kept) => ({ ...kept, file: null, sent: kept.size, state: kept.told.state, problem: null }));
  } catch {
    return [];
  }
}
