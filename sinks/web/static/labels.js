// Where boxes and their labels go, so that no label covers another or leaves the picture.

// The words of a box, such as "#3 person 0.92"; the short ones leave the score out.
export function words(box, isShort) {
  if (!box.label) return "";
  const track = box.track === null ? "" : `#${box.track} `;
  const score = isShort || box.score === null ? "" : ` ${box.score.toFixed(2)}`;
  return track + box.label + score;
}

// Boxes, best first, as {box, x, y, w, h, text, label: {x, y, w, h} or null}, in px of a view
// of width by height; measure(text) gives the px a label of it takes, high its height.
export function place(frame, width, height, measure, high, isShort = false) {
  const across = width / frame.width, down = height / frame.height;
  const taken = [];
  return frame.boxes.map((box) => {
    const [left, top, right, bottom] = box.xyxy;
    const x = left * across, y = top * down;
    const w = (right - left) * across, h = (bottom - top) * down;
    const text = words(box, isShort);
    const label = text && fit(x, y, w, h, Math.min(measure(text), width), width, height, high, taken);
    if (label) taken.push(label);
    return { box, x, y, w, h, text, label: label || null };
  });
}

// Above the box, else below, else inside: the first place that is free and in the picture.
function fit(x, y, w, h, wide, width, height, high, taken) {
  const at = Math.max(0, Math.min(x, width - wide));
  const places = [y - high, y + h, y + 2];
  if (y - high < 0 && h > 2 * high) places.splice(1, 1); // large and at the top: inside
  for (const top of places) {
    if (top < 0 || top + high > height) continue;
    const label = { x: at, y: top, w: wide, h: high };
    if (!taken.some((other) => overlaps(label, other))) return label;
  }
  return null;
}

function overlaps(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
