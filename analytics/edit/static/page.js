// The editor: joins the picture, the drawing, the settings and the file.

import { Film, reasonOf } from "/film.js";
import { Model } from "/model.js";
import { Panel } from "/panel.js";
import { Stage } from "/stage.js";

const byId = (id) => document.getElementById(id);
// The token has become a cookie; it need not stay in the address, the history or a screenshot.
if (location.search) history.replaceState(null, "", location.pathname);

const answer = await fetch("/api/scene");
if (!answer.ok) {
  tell("error", await reasonOf(answer));
  throw new Error("nothing to edit");
}
const scene = await answer.json();
let version = scene.version;

const model = new Model(scene, draw);
const panel = new Panel(
  { list: byId("list"), empty: byId("empty"), form: byId("form"), remove: byId("remove"), flip: byId("flip") },
  model,
  scene,
);
const stage = new Stage(byId("drawing"), model, drawn, (text) => (byId("hint").textContent = text));
new Film(
  { image: byId("picture"), slider: byId("slider"), clock: byId("clock"), again: byId("again") },
  scene,
  (text) => (byId("trouble").textContent = text),
);

function drawn(kind, points) {
  model.add(kind, kind === "lines" ? { start: points[0], end: points[1] } : { points });
  panel.focusName();
}

function draw() {
  stage.draw();
  panel.draw();
  for (const tool of ["lines", "zones"]) byId(`tool-${tool}`).setAttribute("aria-pressed", stage.tool === tool);
  byId("undo").disabled = !model.past.length;
  byId("redo").disabled = !model.future.length;
  byId("save").classList.toggle("due", model.isChanged);
  document.body.dataset.changed = model.isChanged;
  document.title = `${model.isChanged ? "• " : ""}${scene.title}`;
}

function use(tool) {
  stage.use(stage.tool === tool ? null : tool);
  draw();
}

async function save() {
  document.activeElement?.blur(); // a field that is being typed in counts
  const state = model.now();
  const body = JSON.stringify({ version, lines: model.of("lines"), zones: model.of("zones") });
  let reply;
  try {
    reply = await fetch("/api/scene", { method: "PUT", body, headers: { "Content-Type": "application/json" } });
  } catch {
    tell("error", "not saved: the editor does not answer; was it ended?");
    return;
  }
  const said = await reply.json().catch(() => ({ error: `the editor answered ${reply.status}` }));
  if (reply.ok) {
    version = said.version;
    model.saved = state;
    byId("comments").hidden = false;
    byId("comments").classList.remove("warn");
    tell("done", `saved ${scene.file}${scene.command ? `; run: ${scene.command}` : ""}`);
    draw();
    return;
  }
  if (said.kind) model.choose(model.indexOf(said.kind, said.index));
  if (said.version) {
    version = said.version;
    tell("error", `not saved: ${said.error}. Save again to put this drawing in it, or reload the page to see that one.`);
  } else tell("error", `not saved: ${said.error}`);
}

function tell(kind, text) {
  byId("message").dataset.kind = kind;
  byId("message").textContent = text;
}

const KEYS = {
  l: () => use("lines"),
  z: () => use("zones"),
  Escape: () => (stage.tool ? use(null) : model.choose(null)),
  Enter: () => stage.finish(),
  Delete: () => model.remove(),
  Backspace: () => (stage.tool ? stage.dropLast() : model.remove()),
};
const KEYS_WITH_CONTROL = {
  z: (event) => (event.shiftKey ? model.redo() : model.undo()),
  y: () => model.redo(),
  s: () => save(),
};

addEventListener("keydown", (event) => {
  const isTyping = event.target.matches?.("input:not([type=range]), select");
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const hasControl = event.ctrlKey || event.metaKey;
  const action = (hasControl ? KEYS_WITH_CONTROL : KEYS)[key];
  if (isTyping && !hasControl && (key === "Enter" || key === "Escape")) event.target.blur();
  if (!action || event.altKey || (isTyping && key !== "s") || (isTyping && !hasControl)) return;
  if (event.target.matches?.("button") && key === "Enter" && !stage.draft.length) return; // it presses the button
  event.preventDefault();
  action(event);
});
addEventListener("beforeunload", (event) => model.isChanged && event.preventDefault());

byId("tool-lines").addEventListener("click", () => use("lines"));
byId("tool-zones").addEventListener("click", () => use("zones"));
byId("undo").addEventListener("click", () => model.undo());
byId("redo").addEventListener("click", () => model.redo());
byId("save").addEventListener("click", save);
byId("form").addEventListener("submit", (event) => event.preventDefault());

const frame = byId("frame"), surround = byId("surround");
// The largest place for the picture.
function fit() {
  const scale = Math.min(surround.clientWidth / model.size.width, surround.clientHeight / model.size.height);
  frame.style.width = `${model.size.width * scale}px`;
  frame.style.height = `${model.size.height * scale}px`;
}
new ResizeObserver(fit).observe(surround);

byId("title").textContent = scene.title;
byId("file").textContent = scene.file;
byId("comments").classList.toggle("warn", scene.has_comments);
byId("comments").hidden = !scene.exists;
byId("others").hidden = !scene.others.length;
byId("others").textContent = `What belongs to other streams (${scene.others.join(", ")}) is not shown, and kept.`;
byId("belongs").textContent = scene.stream ? `New ones belong to stream ${scene.stream}.` : "New ones stand on every stream of a run.";
fit();
draw();
document.body.dataset.ready = "yes";
