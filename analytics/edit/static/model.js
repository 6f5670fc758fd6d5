// What is drawn, what is chosen, and every step back. Items are {kind, data}, kind being "lines" or
// "zones", data the keys of the file: what nobody touched goes back as it came.

const MOST_STEPS = 200;

export class Model {
  constructor({ lines, zones, stream, size }, onChange) {
    this.items = [
      ...lines.map((data) => ({ kind: "lines", data })),
      ...zones.map((data) => ({ kind: "zones", data })),
    ];
    this.stream = stream; // of what is new, or null
    this.size = { width: size[0], height: size[1] };
    this.chosen = null; // an index
    this.past = [];
    this.future = [];
    this.saved = this.now();
    this.onChange = onChange;
  }

  get item() {
    return this.items[this.chosen] ?? null;
  }

  get isChanged() {
    return this.now() !== this.saved;
  }

  choose(index) {
    this.chosen = index;
    this.onChange();
  }

  // Every change goes through here, so that it can be taken back.
  change(action) {
    const before = this.now();
    action();
    this.settle(before);
  }

  // The end of a change that began at `before`, a value of now(): a drag has many steps.
  settle(before) {
    if (this.now() !== before) {
      this.past.push(before);
      if (this.past.length > MOST_STEPS) this.past.shift();
      this.future = [];
    }
    this.onChange();
  }

  add(kind, geometry) {
    const word = kind === "lines" ? "line" : "zone";
    const data = { name: this.freshName(kind, word), ...geometry, unit: "share" };
    if (this.stream) data.stream = this.stream;
    this.change(() => {
      this.items.push({ kind, data });
      this.chosen = this.items.length - 1;
    });
  }

  remove() {
    if (!this.item) return;
    this.change(() => {
      this.items.splice(this.chosen, 1);
      this.chosen = null;
    });
  }

  // A value, or nothing for the default.
  put(key, value) {
    const { data } = this.item;
    this.change(() => {
      if (value === null) delete data[key];
      else data[key] = value;
    });
  }

  flip() {
    const { data } = this.item;
    this.change(() => ([data.start, data.end] = [data.end, data.start]));
  }

  undo() {
    this.step(this.past, this.future);
  }

  redo() {
    this.step(this.future, this.past);
  }

  step(from, to) {
    if (!from.length) return;
    to.push(this.now());
    this.items = JSON.parse(from.pop());
    if (!this.item) this.chosen = null;
    this.onChange();
  }

  now() {
    return JSON.stringify(this.items);
  }

  of(kind) {
    return this.items.filter((item) => item.kind === kind).map((item) => item.data);
  }

  // The index among all items of the n-th of a kind.
  indexOf(kind, n) {
    return this.items.indexOf(this.items.filter((item) => item.kind === kind)[n]);
  }

  freshName(kind, word) {
    const taken = new Set(this.of(kind).map((data) => data.name));
    for (let number = 1; ; number++) {
      if (!taken.has(`${word}-${number}`)) return `${word}-${number}`;
    }
  }
}

export function pointsOf({ kind, data }) {
  return kind === "lines" ? [data.start, data.end] : data.points;
}

export function setPoints({ kind, data }, points) {
  if (kind === "lines") [data.start, data.end] = points;
  else data.points = points;
}
