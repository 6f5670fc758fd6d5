// One stream on the page: its picture with boxes above it, its state and its numbers.

import { place, words } from "/labels.js";

const STALE_MS = 4000; // a running stream without a picture for so long: people should know
const FLOWING = new Set(["running", "live"]);
const SMALL_PX = 460; // narrower pictures get smaller labels without scores
const FAMILY = "Inter, system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const LABELS = {
  large: { font: `600 12px ${FAMILY}`, high: 17, pad: 12 },
  small: { font: `600 10px ${FAMILY}`, high: 14, pad: 8 },
};

const ruler = document.createElement("canvas").getContext("2d");
const widths = new Map();

export class Tile {
  constructor(streamId) {
    const node = document.getElementById("tile").content.cloneNode(true).firstElementChild;
    node.dataset.stream = streamId;
    node.dataset.state = "opening";
    this.node = node;
    this.parts = new Map();
    this.drawn = 0;
    this.lastFrameMs = 0;
    this.context = this.part("canvas").getContext("2d", { alpha: false });
    this.part(".name").textContent = streamId;
    this.part(".reconnects").parentElement.classList.add("reconnects-cell");
    new ResizeObserver(() => this.fit()).observe(this.part(".stage"));
  }

  part(selector) {
    if (!this.parts.has(selector)) this.parts.set(selector, this.node.querySelector(selector));
    return this.parts.get(selector);
  }

  // Picture and boxes change together: a box always lies on the frame it belongs to.
  async show(frame) {
    const bitmap = await createImageBitmap(new Blob([frame.jpeg], { type: "image/jpeg" }));
    const canvas = this.context.canvas;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    this.context.drawImage(bitmap, 0, 0);
    bitmap.close();
    this.lastFrameMs = performance.now();
    const isNewSize = !this.frame || this.frame.width !== frame.width || this.frame.height !== frame.height;
    this.frame = frame;
    frame.jpeg = null;
    this.node.dataset.index = frame.index;
    this.node.dataset.drawn = ++this.drawn;
    if (isNewSize) this.fit();
    else this.drawBoxes();
    return isNewSize;
  }

  update(stream) {
    this.node.dataset.state = stream.state;
    this.put(".name", stream.name === stream.stream_id ? stream.name : `${stream.stream_id}`);
    this.part(".name").title = stream.name;
    this.put(".state", stream.state);
    this.put(".fps", number(stream.fps, 1));
    this.put(".p50", number(stream.latency_p50_ms, 0), "ms");
    this.put(".p95", number(stream.latency_p95_ms, 0), "ms");
    this.put(".drops", count(stream.dropped));
    this.put(".reconnects", count(stream.reconnects));
    this.put(".count", stream.boxes === null ? "–" : count(stream.boxes));
    this.part(".drops").classList.toggle("warn", stream.dropped > 0);
    this.part(".reconnects").classList.toggle("warn", stream.reconnects > 0);
    this.part(".reconnects").parentElement.classList.toggle("some", stream.reconnects > 0);
    const share = stream.frames_expected ? stream.frames_done / stream.frames_expected : 0;
    this.part(".progress").style.width = `${100 * Math.min(1, share)}%`;
    this.veil(stream);
  }

  veil(stream) {
    const silentMs = performance.now() - this.lastFrameMs;
    let text = "";
    if (stream.state === "failed") text = stream.error || "failed";
    else if (stream.state === "retrying") text = stream.error ? `retrying: ${stream.error}` : "retrying";
    else if (stream.state === "ended") text = this.frame ? "" : "ended without a picture";
    else if (!FLOWING.has(stream.state)) text = stream.state;
    else if (!this.frame) text = "waiting for the first picture";
    else if (silentMs > STALE_MS && !document.hidden) {
      text = `no new picture for ${Math.round(silentMs / 1000)} s`;
    }
    this.put(".veil", text);
    this.node.classList.toggle("stale", Boolean(text && this.frame));
  }

  // The largest place for the picture in the middle of its stage.
  fit() {
    if (!this.frame) return;
    const stage = this.part(".stage"), picture = this.part(".picture");
    const scale = Math.min(stage.clientWidth / this.frame.width, stage.clientHeight / this.frame.height);
    this.width = this.frame.width * scale;
    this.height = this.frame.height * scale;
    picture.style.width = `${this.width}px`;
    picture.style.height = `${this.height}px`;
    picture.style.left = `${(stage.clientWidth - this.width) / 2}px`;
    picture.style.top = `${(stage.clientHeight - this.height) / 2}px`;
    this.drawBoxes();
  }

  drawBoxes() {
    if (!this.width) return;
    const isSmall = this.width < SMALL_PX;
    const kind = isSmall ? LABELS.small : LABELS.large;
    this.part(".boxes").classList.toggle("small", isSmall);
    const measure = (text) => labelWidth(text, kind);
    const placed = place(this.frame, this.width, this.height, measure, kind.high, isSmall);
    const nodes = [];
    for (const { xyxy: [left, top, right, bottom], label } of this.frame.truth) {
      const across = this.width / this.frame.width, down = this.height / this.frame.height;
      const node = block("truth", left * across, top * down, (right - left) * across, (bottom - top) * down);
      node.title = `truth: ${label}`;
      nodes.push(node);
    }
    for (const { box, x, y, w, h } of [...placed].reverse()) {
      const node = block("box", x, y, w, h);
      node.style.setProperty("--colour", box.colour);
      node.dataset.label = box.label;
      node.dataset.score = box.score;
      node.dataset.xyxy = box.xyxy.join(" ");
      if (box.track !== null) node.dataset.track = box.track;
      node.title = words(box);
      nodes.push(node);
    }
    for (const { box, text, label } of placed) {
      if (!label) continue;
      const node = block("label", label.x, label.y, label.w, label.h);
      node.style.setProperty("--colour", box.colour);
      node.style.setProperty("--ink-on", box.ink);
      node.textContent = text;
      nodes.push(node);
    }
    this.part(".boxes").replaceChildren(...nodes);
    this.put(".note", this.frame.note);
    this.put(".count", count(this.frame.boxes.length));
  }

  put(selector, text, unit) {
    const node = this.part(selector);
    const key = unit ? text + unit : text;
    if (node.shown === key) return;
    node.shown = key;
    node.textContent = text;
    if (unit && text !== "–") {
      const small = document.createElement("small");
      small.textContent = unit;
      node.append(small);
    }
  }
}

export function number(value, digits) {
  if (value === null || value === undefined) return "–";
  return value.toFixed(value >= 1000 ? 0 : digits);
}

export function count(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en").replaceAll(",", "\u2009");
}

function labelWidth(text, kind) {
  const key = kind.font + text;
  if (!widths.has(key)) {
    if (widths.size > 5000) widths.clear();
    ruler.font = kind.font;
    widths.set(key, Math.ceil(ruler.measureText(text).width) + kind.pad);
  }
  return widths.get(key);
}

function block(kind, x, y, w, h) {
  const node = document.createElement("div");
  node.className = kind;
  Object.assign(node.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
  return node;
}
