// The sample video: a landscape by the sea that moves all over, for machines without a camera.

/** From the back to the front: height of the horizon, how high the waves are, how fast they go, and their colour. */
const HILLS = [
  { base: 0.52, swing: 0.10, pace: 0.03, waves: 2.1, colour: "#7d8fb8" },
  { base: 0.62, swing: 0.08, pace: 0.06, waves: 2.9, colour: "#4f7a86" },
  { base: 0.74, swing: 0.06, pace: 0.11, waves: 3.7, colour: "#2f6a5a" },
  { base: 0.86, swing: 0.04, pace: 0.19, waves: 5.3, colour: "#1f4a3c" },
];
const STEPS = 64;
const DAY = 24;

/**
 * Draw the picture of a moment.
 * @param {CanvasRenderingContext2D} context
 * @param {number} seconds of any clock
 */
export function paintSample(context, seconds) {
  const { width, height } = context.canvas;
  const day = (seconds % DAY) / DAY;
  paintSky(context, width, height, day);
  for (const hill of HILLS) paintHill(context, width, height, seconds, hill);
  paintBalloon(context, width, height, seconds);
}

function paintSky(context, width, height, day) {
  const sky = context.createLinearGradient(0, 0, 0, height);
  const warmth = Math.sin(Math.PI * day);
  sky.addColorStop(0, `hsl(${215 - 20 * warmth} 60% ${38 + 22 * warmth}%)`);
  sky.addColorStop(1, `hsl(${35 - 10 * warmth} 85% ${78 - 6 * warmth}%)`);
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  const x = width * (1.1 * day - 0.05), y = height * (0.5 - 0.36 * warmth);
  disc(context, x, y, height * 0.11, "rgb(255 236 170 / 35%)");
  disc(context, x, y, height * 0.075, "#fff3c4");
}

function paintHill(context, width, height, seconds, { base, swing, pace, waves, colour }) {
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(0, height);
  for (let step = 0; step <= STEPS; step += 1) {
    const at = waves * (step / STEPS) + pace * seconds * 4;
    context.lineTo((width * step) / STEPS, height * (base + swing * (0.6 * Math.sin(at) + 0.4 * Math.sin(2.3 * at))));
  }
  context.lineTo(width, height);
  context.fill();
}

function paintBalloon(context, width, height, seconds) {
  const size = height * 0.09;
  const x = width * (0.5 + 0.34 * Math.sin(seconds / 3.1)), y = height * (0.4 + 0.12 * Math.sin(seconds / 1.7));
  context.fillStyle = "#5b3a22";
  context.fillRect(x - size * 0.22, y + size * 1.35, size * 0.44, size * 0.3);
  disc(context, x, y, size, "#d8433b");
  context.fillStyle = "#f4d9a8";
  context.beginPath();
  context.ellipse(x, y, size * 0.42, size, 0, 0, 2 * Math.PI);
  context.fill();
}

function disc(context, x, y, radius, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}
