// What is sent: a camera or the sample, drawn on a canvas with a marker in its corner.

import { stamp } from "./marker.js";
import { paintSample } from "./sample.js";

/** What a browser says when there is no camera for a page, and what helps. */
const REFUSALS = {
  NotAllowedError: "The camera was not allowed: allow it beside the address of this page, or send the sample video",
  NotFoundError: "This machine has no camera: send the sample video",
  NotReadableError: "The camera is in use by another program: close that, or send the sample video",
};

export class Source {
  #context;
  #fps;
  #paint;
  #stop;
  #next = 0;
  #request;
  #number = () => null;

  /** The track to send. @type {MediaStreamTrack} */
  track;

  /**
   * @param {"camera" | "sample"} kind
   * @param {HTMLCanvasElement} canvas takes the size of the pictures, and shows what is sent
   * @param {{width: number, height: number, fps: number}} pictures their size in pixels, and how many a second
   * @throws {Error} there is no camera, or it is not allowed
   */
  static async open(kind, canvas, pictures) {
    const { width, height, fps } = pictures;
    Object.assign(canvas, { width, height });
    if (kind === "sample") return new Source(canvas, fps, paintSample, () => {});
    const camera = await openCamera(pictures);
    return new Source(canvas, fps, (context) => fill(context, camera.video), camera.close);
  }

  constructor(canvas, fps, paint, stop) {
    this.#context = canvas.getContext("2d", { alpha: false });
    this.#fps = fps;
    this.#paint = paint;
    this.#stop = stop;
    [this.track] = canvas.captureStream().getVideoTracks();
    // A marker does not survive scaling: on a narrow link, send fewer pictures instead of smaller ones.
    this.track.contentHint = "detail";
    this.#request = requestAnimationFrame((now) => this.#draw(now));
  }

  /** Have pictures marked with the numbers of a function; null for none. @param {() => ?number} number */
  stampWith(number) { this.#number = number; }

  close() {
    cancelAnimationFrame(this.#request);
    this.track.stop();
    this.#stop();
  }

  #draw(now) {
    this.#request = requestAnimationFrame((later) => this.#draw(later));
    // Screens of 60 Hz are a little off: a picture that is due within 2 ms is due.
    if (now < this.#next - 2) return;
    const interval = 1000 / this.#fps;
    this.#next = Math.max(this.#next + interval, now + interval / 2);
    this.#paint(this.#context, now / 1000);
    const seq = this.#number();
    if (seq !== null) stamp(this.#context, seq);
  }
}

async function openCamera({ width, height, fps }) {
  if (!navigator.mediaDevices) {
    throw new Error("Browsers give cameras only to pages of this machine or over https: open the page at 127.0.0.1, "
      + "or send the sample video");
  }
  const wanted = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: fps } };
  const stream = await navigator.mediaDevices.getUserMedia({ video: wanted }).catch((error) => {
    throw new Error(REFUSALS[error.name] ?? `The camera cannot be opened: ${error.message}`);
  });
  const video = document.createElement("video");
  Object.assign(video, { srcObject: stream, muted: true, playsInline: true });
  await video.play();
  return { video, close: () => stream.getTracks().forEach((track) => track.stop()) };
}

/** Fill the canvas with the middle of the camera's picture. */
function fill(context, video) {
  const { width, height } = context.canvas;
  const scale = Math.max(width / video.videoWidth, height / video.videoHeight);
  const w = width / scale, h = height / scale;
  context.drawImage(video, (video.videoWidth - w) / 2, (video.videoHeight - h) / 2, w, h, 0, 0, width, height);
}
