// The list of what is drawn, and the settings of what is chosen.

const SECONDS = "s", ANY = "classes as the detector names them, with commas; empty for all";

// key: [label, what it means, kinds, how it is read, what stands in the empty field]
const FIELDS = {
  name: ["name", "unique among the lines, and among the zones", "lines zones", text, ""],
  classes: ["classes", ANY, "lines zones", names, "all"],
  reference: ["point", "which point of a box counts", "lines zones", choice, "bottom_centre"],
  hysteresis: ["hysteresis", "how far beyond it a point must be, 0..1 of the picture's shorter side", "lines zones", number, ""],
  confirm_s: ["confirm", "seconds it must stay there", "lines zones", number, "0 s"],
  loiter_s: ["loitering after", "seconds inside", "zones", number, `– ${SECONDS}`],
  crowd_count: ["crowd from", "objects inside at once", "zones", number, "–"],
  crowd_s: ["crowd for", "seconds there must be so many", "zones", number, "0 s"],
};

export class Panel {
  constructor(nodes, model, scene) {
    Object.assign(this, { nodes, model, scene });
    this.shown = null; // the item that the form was built for
    nodes.remove.addEventListener("click", () => model.remove());
    nodes.flip.addEventListener("click", () => model.flip());
  }

  draw() {
    this.drawList();
    const { item } = this.model, { form, remove, flip } = this.nodes;
    form.parentElement.hidden = !item;
    if (!item) return;
    flip.hidden = item.kind !== "lines";
    remove.textContent = `Delete ${item.kind.slice(0, -1)}`;
    if (item !== this.shown) {
      const keys = Object.keys(FIELDS).filter((key) => FIELDS[key][2].includes(item.kind));
      form.replaceChildren(...keys.map((key) => this.row(key)));
    }
    this.shown = item; // a form built anew at every change would lose the field that is typed in
    for (const field of form.elements) field.value = shownValue(item.data[field.name], field.dataset.empty);
  }

  drawList() {
    const rows = this.model.items.map((item, index) => {
      const node = document.createElement("button"), mark = document.createElement("i");
      node.type = "button";
      node.className = `row ${item.kind}`;
      node.setAttribute("aria-pressed", index === this.model.chosen);
      node.append(mark, item.data.name || "(no name)");
      node.addEventListener("click", () => this.model.choose(index));
      return node;
    });
    this.nodes.list.replaceChildren(...rows);
    this.nodes.empty.hidden = rows.length > 0;
  }

  row(key) {
    const [label, meaning, , read, empty] = FIELDS[key];
    const node = document.createElement("label"), caption = document.createElement("span");
    const input = read === choice ? this.select() : document.createElement("input");
    caption.textContent = label;
    node.title = meaning;
    input.name = key;
    if (read === choice) input.dataset.empty = empty;
    else {
      input.placeholder = key === "hysteresis" ? this.scene.hysteresis : empty;
      input.autocomplete = "off";
      input.spellcheck = false;
    }
    input.addEventListener("change", () => this.model.put(key, read(input.value)));
    node.append(caption, input);
    return node;
  }

  select() {
    const node = document.createElement("select");
    node.append(...this.scene.references.map((word) => new Option(word.replace("_", " "), word)));
    return node;
  }

  // The name of what is new, to be typed over.
  focusName() {
    this.nodes.form.querySelector("[name=name]")?.select();
  }
}

function shownValue(value, empty) {
  return Array.isArray(value) ? value.join(", ") : value ?? empty ?? "";
}

function text(typed) {
  return typed.trim();
}

function choice(typed) {
  return typed === FIELDS.reference[4] ? null : typed;
}

function names(typed) {
  const words = typed.split(",").map((word) => word.trim()).filter(Boolean);
  return words.length ? words : null;
}

// What is no number is sent as it is: the program says what it expected.
function number(typed) {
  const word = typed.trim();
  if (!word) return null;
  return Number.isFinite(Number(word)) ? Number(word) : word;
}
