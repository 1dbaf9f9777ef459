// A microphone held to talk, or tapped to begin and end: mono WAV, made here.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";

const MOST_SECONDS = 15;
const TAP_MS = 350;
const LEAST_SECONDS = 0.25;

// A button; `heard(blob)` gets each recording, `failed(reason)` why there is none (denied, absent, short).
export function talkButton({ heard, failed, say, signal }) {
  const button = h("button", { type: "button", class: "round talk", "aria-pressed": "false", title: t("voice.hint"), "aria-label": t("voice.talk") }, icon("mic"));
  let recording = null;
  let begun = 0;

  const show = (on) => {
    button.setAttribute("aria-pressed", String(on));
    button.classList.toggle("on", on);
    button.setAttribute("aria-label", t(on ? "voice.stop" : "voice.talk"));
  };
  const start = async () => {
    begun = performance.now();
    show(true);
    const mine = record((level) => button.style.setProperty("--level", String(level)));
    recording = mine;
    try {
      await mine.ready;
      say(t("voice.listening"));
      setTimeout(() => recording === mine && stop(), MOST_SECONDS * 1000);
    } catch (error) {
      if (recording === mine) recording = null;
      show(false);
      failed(error.name === "NotFoundError" ? "absent" : "denied");
    }
  };
  const stop = async () => {
    const mine = recording;
    recording = null;
    show(false);
    if (!mine) return;
    const wav = await mine.stop();
    if (wav === null) failed("short");
    else heard(wav);
  };
  const down = () => (recording ? stop() : start());
  // What was only tapped goes on until it is tapped again.
  const up = () => recording && performance.now() - begun > TAP_MS && stop();

  button.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    button.focus();
    down();
  });
  addEventListener("pointerup", up, { signal });
  button.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (!event.repeat) down();
  });
  button.addEventListener("keyup", (event) => (event.key === " " || event.key === "Enter") && up());
  signal.addEventListener("abort", () => recording?.stop());
  return button;
}

function record(level) {
  const pieces = [];
  let context = null;
  let stream = null;
  const ready = (async () => {
    if (!navigator.mediaDevices) throw new DOMException("", "NotFoundError");
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } });
    context = new AudioContext();
    await context.audioWorklet.addModule("/playground/recorder.js");
    const node = new AudioWorkletNode(context, "mmpipe-recorder");
    node.port.onmessage = ({ data }) => {
      pieces.push(data);
      level(Math.min(1, Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length) * 6));
    };
    context.createMediaStreamSource(stream).connect(node);
    // Chromium runs a node only where its output goes somewhere; this one says nothing.
    node.connect(context.destination);
  })();
  return {
    ready,
    async stop() {
      try {
        await ready;
      } catch {
        return null;
      }
      stream.getTracks().forEach((track) => track.stop());
      const rate = context.sampleRate;
      await context.close();
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      return length < rate * LEAST_SECONDS ? null : wav(pieces, length, rate);
    },
  };
}

// 16 bit PCM of one channel.
function wav(pieces, length, rate) {
  const view = new DataView(new ArrayBuffer(44 + length * 2));
  const text = (at, word) => [...word].forEach((letter, n) => view.setUint8(at + n, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + length * 2, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, length * 2, true);
  let at = 44;
  for (const piece of pieces) {
    for (const sample of piece) {
      view.setInt16(at, Math.max(-1, Math.min(1, sample)) * 0x7fff, true);
      at += 2;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}
