// The picture below the drawing, and the slider that winds it.

export class Film {
  // nodes: {image, slider, clock, again}; onTrouble(text) is told what went wrong, or "".
  constructor(nodes, scene, onTrouble) {
    this.nodes = nodes;
    this.onTrouble = onTrouble;
    this.wanted = null;
    this.isBusy = false;
    const { slider, again } = nodes;
    const isWound = Boolean(scene.duration_s);
    slider.parentElement.hidden = !isWound;
    again.hidden = scene.duration_s !== null;
    slider.max = scene.duration_s ?? 0;
    slider.step = scene.step_s;
    slider.addEventListener("input", () => this.show(Number(slider.value)));
    again.addEventListener("click", () => this.show(0));
    this.show(0);
  }

  // One picture at a time is asked for; of those wanted meanwhile, the newest.
  async show(timeS) {
    this.wanted = timeS;
    this.nodes.clock.textContent = clock(timeS);
    if (this.isBusy) return;
    this.isBusy = true;
    while (this.wanted !== null) {
      const at = this.wanted;
      this.wanted = null;
      await this.load(at);
    }
    this.isBusy = false;
  }

  async load(timeS) {
    const { image } = this.nodes;
    try {
      const answer = await fetch(`/api/frame?at=${timeS}`);
      if (!answer.ok) throw new Error(await reasonOf(answer));
      const url = URL.createObjectURL(await answer.blob());
      const old = image.src;
      image.src = url;
      await image.decode();
      if (old) URL.revokeObjectURL(old);
      image.dataset.at = timeS;
      this.onTrouble("");
    } catch (error) {
      this.onTrouble(error instanceof TypeError ? "the editor does not answer: was it ended?" : error.message);
    }
  }
}

export async function reasonOf(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error;
  } catch {
    return text.trim() || `the editor answered ${answer.status}`;
  }
}

function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}
