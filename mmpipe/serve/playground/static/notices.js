// What a view says in place of its content.
import { Problem } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";

// What went wrong, in the place of what was to be seen.
export function failed(error, again = null) {
  const problem = error instanceof Problem ? error : null;
  const title = problem?.title === "offline" ? t("error.offline") : (problem?.title ?? t("error.unexpected"));
  const detail = problem?.title === "offline" ? t("error.offline.detail") : (problem?.detail ?? String(error.message));
  return h("div", { class: "notice bad", role: "alert" },
    icon("alert"),
    h("div", {}, h("strong", {}, title), h("p", {}, detail),
      again && h("button", { type: "button", class: "quiet", onclick: again }, icon("refresh", 16), t("error.again"))));
}

// That there is nothing, and what could be done about it.
export function empty(title, ...more) {
  return h("div", { class: "empty" }, h("h2", {}, title), more);
}
