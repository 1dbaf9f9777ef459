// What is shown rather than typed: a photo with the part that counts, or a short clip.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";

// Larger pictures are made smaller before they travel: nothing here looks at more.
const MOST_SIDE = 1600;
const SMALL_BYTES = 1_500_000;
const LEAST_PART = 0.06;
const STEP = 0.02;
const WHOLE = [0, 0, 1, 1];

// A picture file as it is sent.
export async function prepared(file) {
  if (file.size <= SMALL_BYTES) return file;
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = h("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
    const paper = canvas.getContext("2d");
    paper.fillStyle = "#fff"; // as the service lays what is cut out over white
    paper.fillRect(0, 0, canvas.width, canvas.height);
    paper.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
    return blob ?? file;
  } catch {
    return file; // What this browser cannot read, the service may, or says why not.
  }
}

// The first file of a kind in a drop or paste: `image` or `video`.
export function fileIn(transfer) {
  const files = [...(transfer?.files ?? [])];
  const found = files.find((file) => /^(image|video)\//.test(file.type));
  return found ? { kind: found.type.split("/")[0], file: found } : null;
}

// The photo with a box on it that may be moved and sized by pointer and keys; `changed(crop)` gets the box as
// parts of the picture, null for all of it, once it is let go.
export function cropper(blob, crop, changed) {
  let box = crop ?? WHOLE;
  const address = URL.createObjectURL(blob);
  const picture = h("img", { src: address, alt: t("photo.yours"), draggable: "false", onload: () => URL.revokeObjectURL(address), onerror: () => frame.classList.add("unseen") });
  const corners = ["nw", "ne", "sw", "se"].map((name) => h("span", { class: ["corner", name], "data-corner": name }));
  const area = h("div", { class: "box", tabindex: "0", role: "group", "aria-roledescription": t("photo.box"), "aria-label": t("photo.box.keys") }, corners);
  const whole = h("button", { type: "button", class: "quiet", onclick: () => set(WHOLE, true) }, t("photo.whole"));
  const frame = h("div", { class: "crop" }, picture, area);

  const set = (next, done) => {
    box = next;
    const [left, top, right, bottom] = box;
    Object.assign(area.style, { left: `${left * 100}%`, top: `${top * 100}%`, width: `${(right - left) * 100}%`, height: `${(bottom - top) * 100}%` });
    const all = box.every((edge, n) => edge === WHOLE[n]);
    whole.hidden = all;
    // Nothing to size yet: wherever it begins, a box is drawn.
    frame.classList.toggle("all", all);
    if (done) changed(all ? null : box.map((edge) => Math.round(edge * 1e4) / 1e4));
  };
  const within = (value, least, most) => Math.min(most, Math.max(least, value));
  const moved = ([left, top, right, bottom], x, y) => {
    const dx = within(x, -left, 1 - right);
    const dy = within(y, -top, 1 - bottom);
    return [left + dx, top + dy, right + dx, bottom + dy];
  };
  const sized = ([left, top, right, bottom], corner, x, y) => [
    corner.includes("w") ? within(left + x, 0, right - LEAST_PART) : left,
    corner.includes("n") ? within(top + y, 0, bottom - LEAST_PART) : top,
    corner.includes("e") ? within(right + x, left + LEAST_PART, 1) : right,
    corner.includes("s") ? within(bottom + y, top + LEAST_PART, 1) : bottom,
  ];
  frame.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    area.focus({ preventScroll: true });
    const place = frame.getBoundingClientRect();
    const at = (given) => [(given.clientX - place.left) / place.width, (given.clientY - place.top) / place.height];
    const [x0, y0] = at(event);
    const before = box;
    const corner = event.target.dataset.corner;
    // Over all of it, and beside the box, a new one is drawn.
    const draws = !corner && (before.every((edge, n) => edge === WHOLE[n]) || event.target !== area);
    const move = (given) => {
      const [x, y] = at(given).map((value) => within(value, 0, 1));
      if (corner) set(sized(before, corner, x - x0, y - y0), false);
      else if (!draws) set(moved(before, x - x0, y - y0), false);
      else if (Math.abs(x - x0) > LEAST_PART && Math.abs(y - y0) > LEAST_PART) set([Math.min(x, x0), Math.min(y, y0), Math.max(x, x0), Math.max(y, y0)], false);
    };
    const up = () => {
      frame.removeEventListener("pointermove", move);
      if (box !== before) set(box, true);
    };
    frame.setPointerCapture(event.pointerId);
    frame.addEventListener("pointermove", move);
    frame.addEventListener("pointerup", up, { once: true });
    frame.addEventListener("pointercancel", up, { once: true });
  });
  area.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!step) return;
    event.preventDefault();
    set(event.shiftKey ? sized(box, "se", ...step) : moved(box, ...step), false);
  });
  area.addEventListener("keyup", (event) => event.key.startsWith("Arrow") && set(box, true));
  set(box, false);
  return h("div", { class: "cropping" }, frame, h("p", { class: "soft small" }, t("photo.hint")), whole);
}

// A clip as it is about to be looked for.
export function clipPreview(blob) {
  const address = URL.createObjectURL(blob);
  return h("video", { src: address, muted: true, playsinline: true, controls: true, "aria-label": t("clip.yours"), class: "clip-preview", onloadeddata: () => URL.revokeObjectURL(address) });
}

// A button that opens the system's choice of a file.
export function fileButton(name, accept, label, taken) {
  const input = h("input", { type: "file", accept, hidden: true, "data-for": name, tabindex: "-1", "aria-hidden": "true", onchange: () => {
    if (input.files[0]) taken(input.files[0]);
    input.value = "";
  } });
  return [h("button", { type: "button", class: "round", title: label, "aria-label": label, onclick: () => input.click() }, icon(name)), input];
}

// All of `area` takes dropped and pasted files; `over` is shown meanwhile.
export function dropping(area, taken, signal) {
  const over = h("div", { class: "dropping", hidden: true }, icon("image", 40), t("photo.drop"));
  let inside = 0;
  const show = (on) => (over.hidden = !on);
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragenter", (event) => {
    if (!carries(event)) return;
    inside += 1;
    show(true);
  }, { signal });
  document.addEventListener("dragleave", () => {
    inside = Math.max(0, inside - 1);
    show(inside > 0);
  }, { signal });
  document.addEventListener("dragover", (event) => carries(event) && event.preventDefault(), { signal });
  document.addEventListener("drop", (event) => {
    inside = 0;
    show(false);
    if (!carries(event)) return;
    event.preventDefault();
    const found = fileIn(event.dataTransfer);
    if (found) taken(found);
  }, { signal });
  document.addEventListener("paste", (event) => {
    const found = fileIn(event.clipboardData);
    if (!found) return;
    event.preventDefault();
    taken(found);
  }, { signal });
  area.append(over);
}

