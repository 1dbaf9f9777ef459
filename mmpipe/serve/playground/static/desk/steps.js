// How far a file is, as four steps; and what it came to, in words.
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { number, t } from "../i18n.js";

const STEPS = ["received", "queued", "encoding", "live"];
// The step that a state is at, and whether it is done with it, in it, or stuck there.
const AT = {
  waiting: [0, "in"], sending: [0, "in"], broken: [0, "bad"], queued: [1, "in"], replaced: [1, "bad"], dead_letter: [1, "bad"],
  running: [2, "in"], failed: [2, "bad"], refused: [3, "bad"], live: [3, "done"], unchanged: [3, "done"],
};

export function steps(state) {
  const [at, how] = AT[state];
  return h("ol", { class: "steps", "aria-label": t("uploads.steps") }, STEPS.map((name, place) => {
    const look = place < at ? "done" : place > at ? "later" : how;
    const label = place === 3 && state === "unchanged" ? t("uploads.step.unchanged") : t(`uploads.step.${name}`);
    return h("li", { class: look, "aria-current": look === "in" ? "step" : null },
      h("span", { class: "mark", "aria-hidden": "true" }, look === "done" && icon("check", 13), look === "bad" && icon("close", 12)),
      h("span", {}, label), look === "bad" && h("span", { class: "visually-hidden" }, t("uploads.stopped")));
  }));
}

// What a run read and wrote, those that are none left out.
export function counts(told) {
  const parts = ["read", "indexed", "unchanged", "deleted", "rejected"].filter((name) => told[name] > 0)
    .map((name) => t(`uploads.count.${name}`, { count: told[name] }));
  return parts.join(" · ");
}

export function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  const units = ["B", "kB", "MB", "GB"];
  const power = bytes < 1_000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${number(bytes / 1_000 ** power, { maximumFractionDigits: power ? 1 : 0 })} ${units[power]}`;
}

// From the first to the last moment, in the seconds that a person would say.
export function span(from, to) {
  const seconds = Math.max(0, (new Date(to) - new Date(from)) / 1_000);
  return duration(seconds);
}

export function duration(seconds) {
  if (seconds < 90) return number(seconds, { style: "unit", unit: "second", unitDisplay: "narrow", maximumFractionDigits: seconds < 10 ? 1 : 0 });
  if (seconds < 5_400) return number(seconds / 60, { style: "unit", unit: "minute", unitDisplay: "narrow", maximumFractionDigits: 0 });
  if (seconds < 172_800) return number(seconds / 3_600, { style: "unit", unit: "hour", unitDisplay: "narrow", maximumFractionDigits: 0 });
  return number(seconds / 86_400, { style: "unit", unit: "day", unitDisplay: "narrow", maximumFractionDigits: 0 });
}
