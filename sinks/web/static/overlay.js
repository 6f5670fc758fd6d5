// The boxes alone on a transparent canvas, to lie over the same picture in a browser source.
// ?stream=ID chooses one of several; without it, the first that comes is shown.

import { Link } from "/link.js";
import { place } from "/labels.js";

const chosen = new URLSearchParams(location.search).get("stream");
const canvas = document.getElementById("overlay");
const context = canvas.getContext("2d");
const widths = new Map();
const FLOWING = new Set(["running", "live"]);
let frame = null, shown = chosen;

new Link({ streams: chosen ? [chosen] : null, pictures: false, width: 0 }, receive, (status) => {
  canvas.dataset.link = status;
  // Boxes of a picture long gone would name what is no longer there.
  if (status === "lost" || status === "refused") clear();
});

function receive(message) {
  if (message.streams && shown && !message.streams.some((stream) => stream.stream_id === shown)) shown = chosen;
  for (const next of message.frames) {
    shown = shown ?? next.stream;
    if (next.stream === shown) frame = next;
  }
  const stream = message.streams?.find(({ stream_id: id }) => id === shown);
  if (stream) canvas.dataset.state = stream.state;
  // Where pictures do not flow, boxes would stand on whatever is shown there meanwhile.
  if (stream && !FLOWING.has(stream.state)) clear();
  else draw();
}

function clear() {
  frame = null;
  draw();
}

function draw() {
  const width = (canvas.width = Math.round(innerWidth * devicePixelRatio));
  const height = (canvas.height = Math.round(innerHeight * devicePixelRatio)); // also clears it
  canvas.dataset.boxes = JSON.stringify(frame ? frame.boxes : []);
  if (!frame) return;
  canvas.dataset.stream = frame.stream;
  canvas.dataset.index = frame.index;
  canvas.dataset.pts = frame.pts;
  const scale = Math.min(width / frame.width, height / frame.height);
  const across = frame.width * scale, down = frame.height * scale;
  context.translate((width - across) / 2, (height - down) / 2);
  const shorter = Math.min(across, down);
  const line = Math.max(2, Math.round(shorter / 540) * 2); // as on the annotated pictures
  const text = Math.round(Math.max(11, Math.min(96, shorter / 40)));
  context.font = `600 ${text}px Inter, system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif`;
  context.textBaseline = "middle";
  const high = Math.round(1.45 * text), pad = Math.round(text / 2);
  const placed = place(frame, across, down, (words) => measure(words) + 2 * pad, high);
  for (const { box, x, y, w, h } of [...placed].reverse()) {
    context.strokeStyle = box.colour;
    context.lineWidth = line;
    context.strokeRect(x + line / 2, y + line / 2, Math.max(0, w - line), Math.max(0, h - line));
  }
  for (const { box, text: words, label } of placed) {
    if (!label) continue;
    context.fillStyle = box.colour;
    context.fillRect(label.x, label.y, label.w, label.h);
    context.fillStyle = box.ink;
    context.fillText(words, label.x + pad, label.y + high / 2, label.w - 2 * pad);
  }
}

function measure(words) {
  const key = context.font + words;
  if (!widths.has(key)) {
    if (widths.size > 5000) widths.clear();
    widths.set(key, Math.ceil(context.measureText(words).width));
  }
  return widths.get(key);
}

addEventListener("resize", draw);
