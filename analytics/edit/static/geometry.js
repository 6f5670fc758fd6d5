// Where places are: in the file in px or in shares of the picture, on the screen in px of the view.
// size and view are {width, height}; a place is [x, y].

const SHARE_DIGITS = 4; // a tenth of a pixel of a picture of a thousand
const PX_DIGITS = 1;

// 0 and 1 are the picture's edges; a pixel's whole number is its centre, half a pixel further in.
export function toView([x, y], unit, size, view) {
  const across = unit === "share" ? x : (x + 0.5) / size.width;
  const down = unit === "share" ? y : (y + 0.5) / size.height;
  return [across * view.width, down * view.height];
}

// The place under a point of the view, inside the picture.
export function fromView([x, y], unit, size, view) {
  const across = clamp(x / view.width), down = clamp(y / view.height);
  if (unit === "share") return [round(across, SHARE_DIGITS), round(down, SHARE_DIGITS)];
  return [round(across * size.width - 0.5, PX_DIGITS), round(down * size.height - 0.5, PX_DIGITS)];
}

// The unit vector of "in": from left to right as seen from start to end, y pointing down.
export function inward([x0, y0], [x1, y1]) {
  const length = Math.hypot(x1 - x0, y1 - y0) || 1;
  return [-(y1 - y0) / length, (x1 - x0) / length];
}

export function middle(points) {
  const sum = points.reduce(([a, b], [x, y]) => [a + x, b + y], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
}

export function distance([x0, y0], [x1, y1]) {
  return Math.hypot(x1 - x0, y1 - y0);
}

// Which side of a polygon a point is nearest to: the index of the corner before it.
export function nearestSide(point, corners) {
  const distances = corners.map((corner, index) => toSegment(point, corner, corners[(index + 1) % corners.length]));
  return distances.indexOf(Math.min(...distances));
}

function toSegment(point, from, to) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const along = ((point[0] - from[0]) * dx + (point[1] - from[1]) * dy) / (dx * dx + dy * dy || 1);
  const at = clamp(along);
  return distance(point, [from[0] + at * dx, from[1] + at * dy]);
}

function clamp(value) {
  return Math.min(1, Math.max(0, value));
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}
