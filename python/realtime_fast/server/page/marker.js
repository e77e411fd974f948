// The pixel marker: a number written into a picture's bottom-left corner (docs/marker.md).
//
// 24 cells of one pixel, on the 4 bottom rows: 4 of sync (high, low, high, low), 16 bits of the number and 4 of its
// checksum, most significant first.

export const WIDTH = 24;
export const HEIGHT = 4;
const HIGH = 200;
const LOW = 50;
const THRESHOLD = 128;
const SYNC = [1, 0, 1, 0];
/** Least difference of the sync cells' levels in a picture that is looked at more closely. */
const CONTRAST = 40;
/** Share of a perfect match that a number needs, and by how much it has to be ahead of the next one. */
const LIKENESS = 0.55;
const LEAD = 0.08;

/** The 20 cells after the sync of a number, as 0 and 1. @param {number} seq 0 … 65535 */
export function cells(seq) {
  const checksum = (seq >> 12) ^ (seq >> 8) ^ (seq >> 4) ^ seq;
  const bits = ((seq & 0xffff) * 16) + (checksum & 15);
  return Array.from({ length: 20 }, (_, i) => (bits >> (19 - i)) & 1);
}

/** The marker as RGBA pixels, 24 × 4. @param {number} seq */
export function pixels(seq) {
  const row = [...SYNC, ...cells(seq)];
  const data = new Uint8ClampedArray(4 * WIDTH * HEIGHT);
  for (let i = 0; i < WIDTH * HEIGHT; i += 1) {
    const level = row[i % WIDTH] ? HIGH : LOW;
    data.set([level, level, level, 255], 4 * i);
  }
  return data;
}

/** Write a number into the corner of a canvas. @param {CanvasRenderingContext2D} context @param {number} seq */
export function stamp(context, seq) {
  const { height } = context.canvas;
  context.putImageData(new ImageData(pixels(seq), WIDTH, HEIGHT), 0, height - HEIGHT);
}

/**
 * Read a marker.
 * @param {Uint8ClampedArray} data RGBA of the corner, 24 × 4 pixels
 * @param {Iterable<number>} inFlight the numbers that may come back
 * @returns {number | "corrupted" | null} null where there is no marker
 */
export function read(data, inFlight) {
  const hard = readHard(data);
  return typeof hard === "number" ? hard : readSoft(data, inFlight) ?? hard;
}

/** The reference reader. @param {Uint8ClampedArray} data @returns {number | "corrupted" | null} */
export function readHard(data) {
  const bit = (x, y) => Number(data[4 * (y * WIDTH + x)] >= THRESHOLD);
  const rows = [0, 1, 2, 3].filter((y) => SYNC.every((level, x) => bit(x, y) === level));
  if (rows.length === 0) return null;
  let bits = 0;
  for (let x = 4; x < WIDTH; x += 1) {
    const votes = rows.reduce((sum, y) => sum + bit(x, y), 0);
    bits = bits * 2 + Number(2 * votes > rows.length);
  }
  const seq = bits >> 4;
  return ((seq >> 12) ^ (seq >> 8) ^ (seq >> 4) ^ seq ^ bits) & 15 ? "corrupted" : seq;
}

/** The number in flight whose cells are most alike, if it is far enough ahead; levels are those of the sync cells. */
function readSoft(data, inFlight) {
  const level = Array.from({ length: WIDTH }, (_, x) =>
    [0, 1, 2, 3].reduce((sum, y) => sum + data[4 * (y * WIDTH + x)], 0) / HEIGHT);
  const high = (level[0] + level[2]) / 2;
  const low = (level[1] + level[3]) / 2;
  if (high - low < CONTRAST || Math.min(level[0], level[2]) <= Math.max(level[1], level[3])) return null;
  const soft = level.slice(4).map((value) => Math.max(-1, Math.min(1, (2 * value - high - low) / (high - low))));
  let best = null, likeness = -1, next = -1;
  for (const seq of inFlight) {
    const score = cells(seq).reduce((sum, bit, i) => sum + (bit ? soft[i] : -soft[i]), 0) / soft.length;
    if (score > likeness) [best, likeness, next] = [seq, score, likeness];
    else if (score > next) next = score;
  }
  return likeness >= LIKENESS && likeness - next >= LEAD ? best : null;
}
