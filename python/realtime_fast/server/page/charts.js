// Charts of the last minute, drawn on canvases in the colours of the page.

/** Seconds that a chart shows: fewer at first, so that it is never mostly empty. */
const SPAN = { least: 10, most: 60 };
/** Least time in ms between two drawings: figures come with every picture. */
const PACE = 250;
const MARGIN = { left: 44, right: 8, top: 8, bottom: 18 };
const GRID_LINES = 3;

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {string} colour a CSS variable of the page
 * @property {boolean} [dots] single values instead of a line
 */

export class Chart {
  #canvas;
  #series;
  #points;
  #drawn = -Infinity;

  /** @param {HTMLCanvasElement} canvas @param {Series[]} series */
  constructor(canvas, series) {
    this.#canvas = canvas;
    this.#series = series;
    this.clear();
    new ResizeObserver(() => this.#draw(performance.now())).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw(performance.now()));
  }

  clear() {
    this.#points = this.#series.map(() => []);
    this.#draw(performance.now());
  }

  /** Add a value to each series. @param {(number | null)[]} values @param {number} now ms */
  add(values, now) {
    values.forEach((value, index) => {
      const points = this.#points[index];
      points.push([now, value]);
      while (points[0][0] < now - 1000 * SPAN.most) points.shift();
    });
    if (now - this.#drawn >= PACE) this.#draw(now);
  }

  #draw(now) {
    this.#drawn = now;
    const ratio = devicePixelRatio, { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width) return;
    Object.assign(this.#canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const context = this.#canvas.getContext("2d");
    const style = getComputedStyle(this.#canvas);
    context.scale(ratio, ratio);
    context.font = `11px ${style.fontFamily}`;
    const top = roof(Math.max(0, ...this.#points.flat().map(([, value]) => value ?? 0)));
    const area = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
    const first = Math.min(...this.#points.flatMap((points) => points.slice(0, 1)).map(([at]) => at));
    const span = Math.min(Math.max((now - first) / 1000, SPAN.least), SPAN.most) || SPAN.least;
    const x = (at) => area.right - ((now - at) / 1000 / span) * (area.right - area.left);
    const y = (value) => area.bottom - (value / top) * (area.bottom - area.top);
    this.#grid(context, style, area, top, y, span);
    context.save();
    context.beginPath();
    context.rect(area.left, 0, area.right - area.left, height);
    context.clip();
    this.#series.forEach((series, index) => {
      context.fillStyle = context.strokeStyle = style.getPropertyValue(series.colour);
      (series.dots ? dots : line)(context, this.#points[index], x, y);
    });
    context.restore();
  }

  #grid(context, style, area, top, y, span) {
    context.strokeStyle = style.getPropertyValue("--grid");
    context.fillStyle = style.getPropertyValue("--muted");
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let step = 0; step <= GRID_LINES; step += 1) {
      const value = (top * step) / GRID_LINES;
      context.beginPath();
      context.moveTo(area.left, y(value));
      context.lineTo(area.right, y(value));
      context.stroke();
      context.fillText(value.toLocaleString("en", { maximumFractionDigits: 0 }), area.left - 6, y(value));
    }
    context.textBaseline = "alphabetic";
    context.textAlign = "left";
    context.fillText(`${Math.round(span)} s ago`, area.left, area.bottom + 14);
    context.textAlign = "right";
    context.fillText("now", area.right, area.bottom + 14);
  }
}

/** The least round number above all values that divides into whole grid lines. */
function roof(most) {
  const step = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  const parts = [0.2, 0.3, 0.5, 1, 1.5, 2, 3, 5].map((share) => Math.ceil(share * step));
  return GRID_LINES * parts.find((part) => GRID_LINES * part >= most * 1.02);
}

function line(context, points, x, y) {
  context.lineWidth = 2;
  context.lineJoin = "round";
  context.beginPath();
  let drawing = false;
  for (const [at, value] of points) {
    if (value !== null) context[drawing ? "lineTo" : "moveTo"](x(at), y(value));
    drawing = value !== null;
  }
  context.stroke();
}

function dots(context, points, x, y) {
  for (const [at, value] of points) {
    if (value !== null) context.fillRect(x(at) - 1, y(value) - 1, 2, 2);
  }
}
