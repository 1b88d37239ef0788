// @ts-check
/** A line plot of the last two minutes, drawn by hand: two series at most, an axis, the scale in words. */

/** @typedef {{values: (number | null)[], colour: string, dash: boolean}} Series */

const HEIGHT = 96;
const LEFT = 64;
const LINE = 14;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Series[]} series the newest value last
 * @param {number} length values from edge to edge
 * @param {(value: number) => string} format
 */
export function draw(canvas, series, length, format) {
  const ratio = globalThis.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  if (width === 0) return; // Not shown.
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT * ratio);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim() || "gray";
  const top = scaleTop(series.flatMap(({ values }) => values));
  const y = (/** @type {number} */ value) => LINE + (HEIGHT - 2 * LINE) * (1 - value / top);

  context.font = `12px ${style.fontFamily}`;
  context.fillStyle = colour("--quiet");
  context.strokeStyle = colour("--line");
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const value of [0, top / 2, top]) {
    context.fillText(format(value), LEFT - 6, y(value));
    line(context, [[LEFT, y(value)], [width, y(value)]]);
  }
  for (const one of series) {
    context.strokeStyle = colour(one.colour);
    context.lineWidth = 2;
    context.setLineDash(one.dash ? [5, 4] : []);
    const step = (width - LEFT) / Math.max(1, length - 1);
    for (const run of runs(one.values)) {
      const first = length - one.values.length + run.start;
      line(context, run.values.map((value, at) => [LEFT + step * (first + at), y(value)]));
    }
  }
}

/**
 * The pieces of a series that have no gaps. A single value becomes a short piece, so that it can be seen.
 *
 * @param {(number | null)[]} values
 */
export function runs(values) {
  /** @type {{start: number, values: number[]}[]} */
  const found = [];
  values.forEach((value, at) => {
    if (value === null) return;
    const last = found.at(-1);
    if (last && last.start + last.values.length === at) last.values.push(value);
    else found.push({ start: at, values: [value] });
  });
  return found.map((run) => (run.values.length > 1 ? run : { ...run, values: [run.values[0], run.values[0]] }));
}

/**
 * A round number that nothing is above: 1, 2 or 5 with zeros.
 *
 * @param {(number | null)[]} values
 */
export function scaleTop(values) {
  const most = Math.max(...values.filter((value) => value !== null), 0);
  if (most === 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((factor) => factor * power).find((top) => top >= most) ?? 10 * power;
}

/** @param {CanvasRenderingContext2D} context @param {[number, number][]} points */
function line(context, points) {
  context.beginPath();
  points.forEach(([x, y], at) => (at === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
  context.stroke();
}
