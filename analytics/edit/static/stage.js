// The drawing above the picture: shows items, and takes clicks and drags.

import { distance, fromView, inward, middle, nearestSide, toView } from "/geometry.js";
import { pointsOf, setPoints } from "/model.js";

const SVG = "http://www.w3.org/2000/svg";
const SAME_PX = 8; // nearer clicks are one: the second of a double click, or the first corner again
const DOUBLE_MS = 500; // the browser's own double click is lost when what was hit is drawn anew
const ARROW_PX = 34;
const EDGE_PX = 28; // half of a short name, so that it is not cut off at the picture's edge
const NEEDED = { lines: 2, zones: 3 };

export class Stage {
  // onDrawn(kind, points) is told a new item; onHint(text) what to do next.
  constructor(svg, model, onDrawn, onHint) {
    Object.assign(this, { svg, model, onDrawn, onHint });
    this.tool = null; // the kind that is drawn, or null
    this.draft = []; // places in shares, so that they stay where they are when the view changes
    this.cursor = null;
    this.drag = null;
    this.last = { at: [0, 0], ms: -DOUBLE_MS }; // press
    svg.addEventListener("mousedown", (event) => event.preventDefault()); // the focus is moved here
    svg.addEventListener("pointerdown", (event) => this.press(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", () => this.release());
    svg.addEventListener("pointercancel", () => this.release());
    svg.addEventListener("keydown", (event) => this.nudge(event));
    new ResizeObserver(() => this.draw()).observe(svg);
  }

  get view() {
    return { width: this.svg.clientWidth, height: this.svg.clientHeight };
  }

  use(tool) {
    this.tool = tool;
    this.draft = [];
    this.cursor = null;
    if (tool) this.model.choose(null);
    this.hint();
    this.draw();
  }

  // Enter, or a double click: a zone is whole.
  finish() {
    if (this.tool !== "zones") return;
    if (this.draft.length < NEEDED.zones) this.onHint("a zone needs three corners at least");
    else this.done();
  }

  // Backspace while drawing.
  dropLast() {
    this.draft.pop();
    this.hint();
    this.draw();
  }

  done() {
    const { tool, draft } = this;
    this.use(null);
    this.onDrawn(tool, draft);
  }

  press(event) {
    if (event.button !== 0) return;
    const at = this.point(event);
    document.activeElement?.blur(); // what was typed counts, and Enter presses no button again
    const isDouble = event.timeStamp - this.last.ms < DOUBLE_MS && distance(at, this.last.at) < SAME_PX;
    this.last = { at, ms: event.timeStamp };
    if (this.tool) {
      if (isDouble) this.finish();
      else this.put(at);
      return;
    }
    const index = event.target.dataset.index;
    if (index === undefined) {
      this.model.choose(null);
      return;
    }
    const corner = event.target.dataset.corner;
    const isChosen = Number(index) === this.model.chosen;
    if (!isChosen) this.model.choose(Number(index));
    if (corner !== undefined && event.shiftKey) {
      this.dropCorner(Number(corner));
      return;
    }
    if (isDouble && isChosen && corner === undefined && this.model.item.kind === "zones") {
      this.addCorner(at);
      return;
    }
    this.svg.setPointerCapture(event.pointerId);
    this.drag = {
      from: at,
      points: this.pointsInView(this.model.item),
      corner: corner === undefined ? null : Number(corner),
      before: this.model.now(),
    };
  }

  put(at) {
    const drafted = this.draftInView(), [first, last] = [drafted[0], drafted.at(-1)];
    if (last && distance(at, last) < SAME_PX) return;
    if (this.tool === "zones" && this.draft.length >= NEEDED.zones && distance(at, first) < SAME_PX) {
      this.done();
      return;
    }
    this.draft.push(this.place(at, "share"));
    if (this.tool === "lines" && this.draft.length === NEEDED.lines) this.done();
    else this.hint();
    this.draw();
  }

  move(event) {
    const at = this.point(event);
    if (this.tool) {
      this.cursor = at;
      this.draw();
    } else if (this.drag) {
      const [dx, dy] = [at[0] - this.drag.from[0], at[1] - this.drag.from[1]];
      if (!dx && !dy) return;
      const { corner, points } = this.drag;
      this.setView(this.model.item, points, corner, corner === null ? this.kept(points, dx, dy) : [dx, dy]);
      this.draw();
    }
  }

  release() {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    this.model.settle(drag.before);
    if (drag.corner !== null) this.focusCorner(drag.corner); // for the arrow keys
  }

  // How far the whole may be moved and stay inside.
  kept(points, dx, dy) {
    const { width, height } = this.view;
    const limit = (by, values, most) => Math.min(most - Math.max(...values), Math.max(-Math.min(...values), by));
    return [limit(dx, points.map(([x]) => x), width), limit(dy, points.map(([, y]) => y), height)];
  }

  // Move one corner, or all, from where they were in the view.
  setView(item, points, corner, [dx, dy]) {
    const old = pointsOf(item), unit = item.data.unit ?? "px";
    setPoints(item, points.map(([x, y], index) =>
      corner === null || corner === index ? this.place([x + dx, y + dy], unit) : old[index]));
  }

  addCorner(at) {
    const { item } = this.model, after = nearestSide(at, this.pointsInView(item));
    this.model.change(() => item.data.points.splice(after + 1, 0, this.place(at, item.data.unit ?? "px")));
  }

  dropCorner(corner) {
    const { item } = this.model;
    if (item.kind !== "zones" || item.data.points.length <= NEEDED.zones) {
      this.onHint("a zone needs three corners at least");
      return;
    }
    this.model.change(() => item.data.points.splice(corner, 1));
  }

  // Arrow keys on a corner: a pixel of the view, ten with shift.
  nudge(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const corner = event.target.dataset.corner;
    if (!step || corner === undefined) return;
    event.preventDefault();
    const by = event.shiftKey ? 10 : 1, { item } = this.model;
    this.model.change(() =>
      this.setView(item, this.pointsInView(item), Number(corner), [step[0] * by, step[1] * by]));
    this.focusCorner(corner);
  }

  focusCorner(corner) {
    this.svg.querySelector(`[data-corner="${corner}"]`)?.focus();
  }

  point(event) {
    const box = this.svg.getBoundingClientRect(), { width, height } = this.view;
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    return [Math.min(width, Math.max(0, x)), Math.min(height, Math.max(0, y))];
  }

  place(point, unit) {
    return fromView(point, unit, this.model.size, this.view);
  }

  pointsInView(item) {
    return pointsOf(item).map((place) => toView(place, item.data.unit ?? "px", this.model.size, this.view));
  }

  draftInView() {
    return this.draft.map((place) => toView(place, "share", this.model.size, this.view));
  }

  hint() {
    const texts = {
      lines: ["click where the line starts", "click where it ends; the arrow points “in”"],
      zones: ["click the first corner", "click the next corner", "click the next corner",
        "click more corners; Enter or a double click ends, Backspace takes one back"],
    };
    const steps = texts[this.tool];
    this.onHint(steps ? `${steps[Math.min(this.draft.length, steps.length - 1)]} · Esc leaves` : "");
  }

  draw() {
    const { model } = this, nodes = [];
    model.items.forEach((item, index) => {
      if (index !== model.chosen) nodes.push(this.shape(item, index));
    });
    if (model.item) nodes.push(this.shape(model.item, model.chosen), ...this.handles());
    if (this.tool) nodes.push(this.rubber());
    this.svg.classList.toggle("drawing", Boolean(this.tool));
    this.svg.replaceChildren(...nodes);
  }

  shape(item, index) {
    const points = this.pointsInView(item), group = make("g", { class: `item ${item.kind}` });
    group.classList.toggle("chosen", index === this.model.chosen);
    group.dataset.name = item.data.name;
    const way = `M${points.map((point) => point.join(" ")).join("L")}${item.kind === "zones" ? "Z" : ""}`;
    const grip = make("path", { d: way, class: "grip" });
    grip.dataset.index = index;
    group.append(make("path", { d: way, class: "halo" }), make("path", { d: way, class: "shape" }));
    if (item.kind === "lines") group.append(arrow(points));
    group.append(this.word(item, points), grip);
    return group;
  }

  word(item, points) {
    const [x, y] = item.kind === "lines" ? [points[0][0], points[0][1] - 10] : middle(points);
    const inside = Math.min(this.view.width - EDGE_PX, Math.max(EDGE_PX, x));
    const node = make("text", { x: inside, y: Math.max(EDGE_PX / 2, y) });
    node.textContent = item.data.name;
    return node;
  }

  handles() {
    return this.pointsInView(this.model.item).map(([x, y], corner) => {
      const node = make("circle", { cx: x, cy: y, r: 6, class: "handle", tabindex: 0 });
      node.dataset.index = this.model.chosen;
      node.dataset.corner = corner;
      return node;
    });
  }

  // What is being drawn, up to the cursor.
  rubber() {
    const drafted = this.draftInView(), points = this.cursor ? [...drafted, this.cursor] : drafted;
    const group = make("g", { class: `item draft ${this.tool}` });
    if (points.length > 1) {
      const close = this.tool === "zones" && points.length > 2 ? "Z" : "";
      const way = `M${points.map((point) => point.join(" ")).join("L")}${close}`;
      group.append(make("path", { d: way, class: "halo" }), make("path", { d: way, class: "shape" }));
      if (this.tool === "lines") group.append(arrow(points));
    }
    group.append(...drafted.map(([x, y]) => make("circle", { cx: x, cy: y, r: 5, class: "dot" })));
    return group;
  }
}

function arrow([start, end]) {
  const [x, y] = middle([start, end]), [dx, dy] = inward(start, end);
  const [tx, ty] = [x + dx * ARROW_PX, y + dy * ARROW_PX];
  const wing = (side) => `${tx - dx * 9 + side * dy * 6} ${ty - dy * 9 - side * dx * 6}`;
  const way = `M${x} ${y}L${tx} ${ty}M${wing(1)}L${tx} ${ty}L${wing(-1)}`;
  const group = make("g", { class: "arrow" }), word = make("text", { x: tx + dx * 12, y: ty + dy * 12 });
  group.dataset.towards = `${dx.toFixed(3)} ${dy.toFixed(3)}`;
  word.textContent = "in";
  group.append(make("path", { d: way, class: "halo" }), make("path", { d: way, class: "shape" }), word);
  return group;
}

function make(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
