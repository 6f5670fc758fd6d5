// The page of all streams: a grid that fits the window, numbers above, where time goes below.

import { Link } from "/link.js";
import { Tile, count, number } from "/tile.js";

const GAP_PX = 12;
const LEAST_TILE_PX = 210; // narrower and the numbers do not fit: the page scrolls instead
const COMPACT_PX = 420;
const TINY_PX = 280;

const STATUS = {
  connecting: "connecting",
  live: "live",
  lost: "connection lost, trying again",
  refused: "link no longer valid: open the one the run printed",
};

const byId = (id) => document.getElementById(id);
const grid = byId("grid");
const tiles = new Map();
let focused = new URLSearchParams(location.hash.slice(1)).get("stream");

// The token has become a cookie; it need not stay in the address, the history or a screenshot.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);

const link = new Link({ ...wish(), pictures: true, width: 640 }, receive, (status) => {
  document.body.dataset.link = status;
  byId("link").lastElementChild.textContent = STATUS[status];
});

async function receive(message) {
  if (message.streams) update(message.streams, message.stats);
  const shown = message.frames.filter((frame) => frame.bytes).map((frame) => tileOf(frame.stream).show(frame));
  // One broken picture must not end the page.
  const ends = await Promise.allSettled(shown);
  if (ends.some((end) => end.value)) layOut();
}

function update(streams, stats) {
  const present = new Set(streams.map((stream) => stream.stream_id));
  for (const [streamId, tile] of tiles) {
    if (!present.has(streamId)) {
      tile.node.remove();
      tiles.delete(streamId);
    }
  }
  for (const stream of streams) tileOf(stream.stream_id).update(stream);
  if (focused && !present.has(focused)) focus(null);
  showStates(streams);
  byId("total-fps").textContent = number(stats.fps, 1);
  byId("total-frames").textContent = count(stats.frames_done);
  byId("total-drops").textContent = count(stats.dropped);
  byId("total-reconnects").textContent = count(stats.reconnects);
  byId("elapsed").textContent = clock(stats.elapsed_s);
  document.title = `${streams.length} ${streams.length === 1 ? "stream" : "streams"} · ${number(stats.fps, 0)} fps`;
  showParts(stats.times_ms);
}

function showStates(streams) {
  const counts = new Map();
  for (const { state } of streams) counts.set(state, (counts.get(state) || 0) + 1);
  const chips = [...counts].map(([state, many]) => {
    const chip = document.createElement("span");
    chip.dataset.state = state;
    chip.textContent = `${many} ${state}`;
    return chip;
  });
  byId("states").replaceChildren(...chips);
}

function showParts(times) {
  const parts = Object.entries(times).filter(([, ms]) => ms >= 0.05);
  const most = Math.max(...parts.map(([, ms]) => ms));
  const nodes = parts.map(([part, ms]) => {
    const node = document.createElement("span"), name = document.createElement("span");
    const value = document.createElement("b"), bar = document.createElement("i");
    name.textContent = part;
    value.textContent = `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
    bar.style.width = `${(60 * ms) / most}px`;
    node.classList.toggle("most", ms === most && parts.length > 1);
    node.append(name, bar, value);
    return node;
  });
  byId("parts").replaceChildren(...nodes);
}

function tileOf(streamId) {
  let tile = tiles.get(streamId);
  if (!tile) {
    tile = new Tile(streamId);
    tile.node.addEventListener("click", () => focus(focused ? null : streamId));
    tile.node.addEventListener("keydown", (event) => {
      if (event.key === "Enter") focus(focused ? null : streamId);
    });
    tiles.set(streamId, tile);
    grid.append(tile.node);
    layOut();
  }
  return tile;
}

// The number of columns that makes pictures largest.
function layOut() {
  const shown = [...tiles.entries()].filter(([id, tile]) => !(tile.node.hidden = Boolean(focused) && id !== focused));
  if (!shown.length) return;
  const aspect = usualAspect(shown.map(([, tile]) => tile.frame).filter(Boolean));
  const width = grid.clientWidth - 2 * GAP_PX, height = grid.clientHeight - 2 * GAP_PX;
  const caption = shown[0][1].part(":scope > .caption").offsetHeight + 2; // and the tile's edges
  let best = { size: 0, columns: 1 };
  for (let columns = 1; columns <= shown.length; columns++) {
    const rows = Math.ceil(shown.length / columns);
    const across = (width - (columns - 1) * GAP_PX) / columns;
    const down = (height - (rows - 1) * GAP_PX) / rows - caption;
    const size = Math.min(across, down * aspect);
    if (size > best.size) best = { size, columns };
  }
  if (best.size < LEAST_TILE_PX) {
    best.columns = Math.min(shown.length, Math.max(1, Math.floor((width + GAP_PX) / (LEAST_TILE_PX + GAP_PX))));
    best.size = Math.min((width - (best.columns - 1) * GAP_PX) / best.columns, height * aspect);
  }
  // A lone portrait picture is narrower than its numbers are.
  const across = Math.max(best.size, Math.min(LEAST_TILE_PX, width));
  grid.style.gridTemplateColumns = `repeat(${best.columns}, ${Math.floor(across)}px)`;
  grid.style.gridAutoRows = `${Math.floor(best.size / aspect) + caption}px`;
  grid.classList.toggle("compact", across < COMPACT_PX);
  grid.classList.toggle("tiny", across < TINY_PX);
  grid.style.alignContent = "";
  if (grid.scrollHeight > grid.clientHeight) grid.style.alignContent = "start";
  const longer = Math.max(best.size, best.size / aspect);
  link.ask({ ...wish(), width: Math.ceil(longer * devicePixelRatio) });
}

// Width over height that most pictures have.
function usualAspect(frames) {
  const aspects = frames.map((frame) => frame.width / frame.height).sort((a, b) => a - b);
  return aspects.length ? aspects[aspects.length >> 1] : 16 / 9;
}

function wish() {
  return { streams: focused ? [focused] : null };
}

function focus(streamId) {
  focused = streamId;
  history.replaceState(null, "", streamId ? `#stream=${encodeURIComponent(streamId)}` : location.pathname);
  grid.classList.toggle("focused", Boolean(streamId));
  layOut();
}

function step(by) {
  const ids = [...tiles.keys()];
  focus(ids[(ids.indexOf(focused) + by + ids.length) % ids.length]);
}

function clock(seconds) {
  const whole = Math.floor(seconds), pad = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

const KEYS = {
  Escape: () => focus(null),
  b: () => grid.classList.toggle("no-boxes"),
  f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  ArrowRight: () => focused && step(1),
  ArrowLeft: () => focused && step(-1),
};

addEventListener("keydown", (event) => {
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (action && !event.ctrlKey && !event.metaKey && !event.altKey) action();
});
addEventListener("resize", layOut);
grid.classList.toggle("focused", Boolean(focused));
