// The received video: what is shown of it, when, and the marker in it.

import { HEIGHT, WIDTH, read } from "./marker.js";

/** How a canvas is read that is looked at with every picture. */
const READING = { alpha: false, willReadFrequently: true };

export class Screen {
  #video;
  #corner = new OffscreenCanvas(WIDTH, HEIGHT).getContext("2d", READING);
  #onPicture;
  #request;

  /**
   * @param {HTMLVideoElement} video
   * @param {(picture: {decodedAt: number, shownAt: number}) => void} onPicture ms of performance.now()
   */
  constructor(video, onPicture) {
    this.#video = video;
    this.#onPicture = onPicture;
    this.#corner.imageSmoothingEnabled = false;
  }

  /** @param {MediaStreamTrack} track */
  show(track) {
    this.clear();
    this.#video.srcObject = new MediaStream([track]);
    this.#video.play().catch(() => {}); // a picture that comes later starts it
    this.#next();
  }

  clear() {
    if (this.#request !== undefined) this.#video.cancelVideoFrameCallback(this.#request);
    this.#video.srcObject = null;
  }

  /** The marker of the picture that is shown. @param {Iterable<number>} inFlight */
  read(inFlight) {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (width < WIDTH || height < HEIGHT) return null;
    this.#corner.drawImage(this.#video, 0, height - HEIGHT, WIDTH, HEIGHT, 0, 0, WIDTH, HEIGHT);
    return read(this.#corner.getImageData(0, 0, WIDTH, HEIGHT).data, inFlight);
  }

  #next() {
    this.#request = this.#video.requestVideoFrameCallback((now, frame) => {
      this.#next();
      // Where a browser does not say when a picture was decoded, the time at which it showed it stands in.
      const decodedAt = frame.receiveTime === undefined
        ? now : frame.receiveTime + 1000 * (frame.processingDuration ?? 0);
      this.#onPicture({ decodedAt, shownAt: frame.expectedDisplayTime ?? now });
    });
  }
}
