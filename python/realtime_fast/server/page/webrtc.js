// Media over one peer connection with the service (docs/protocol.md, WebRTC connect).

import { deferred } from "./control.js";

/** Bits a second that the browser may send. */
const MAX_BITRATE = 4_000_000;

export class PeerMedia {
  #channel;
  #peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  #connected = deferred();
  #described = deferred();

  /**
   * @param {object} given
   * @param {import("./control.js").ControlChannel} given.channel
   * @param {?MediaStreamTrack} given.track what to send; null for a viewer
   * @param {(track: MediaStreamTrack) => void} given.onTrack called with the service's video
   * @param {(cause: Error) => void} given.onLost called when the connection is lost
   */
  constructor({ channel, track, onTrack, onLost }) {
    this.#channel = channel;
    const transceiver = this.#peer.addTransceiver(track ?? "video", {
      direction: track ? "sendrecv" : "recvonly",
      sendEncodings: track ? [{ maxBitrate: MAX_BITRATE }] : [],
    });
    this.#prefer(transceiver, "video/VP8");
    // Show each picture as soon as it is there, as the Python client does.
    if ("jitterBufferTarget" in transceiver.receiver) transceiver.receiver.jitterBufferTarget = 0;
    this.#peer.ontrack = (event) => onTrack(event.track);
    this.#peer.onicecandidate = ({ candidate }) => this.#tell(candidate);
    this.#peer.onconnectionstatechange = () => {
      const state = this.#peer.connectionState;
      if (state === "connected") this.#connected.resolve();
      if (state !== "failed") return;
      const cause = new Error("No media connection: UDP between this browser and the service is blocked, or was lost");
      this.#connected.reject(cause);
      onLost(cause);
    };
  }

  /** Offer, and wait until media can flow. */
  async connect() {
    await this.#peer.setLocalDescription();
    this.#channel.send({ type: "offer", sdp: this.#peer.localDescription.sdp });
    const { sdp } = await this.#channel.first("answer");
    await this.#peer.setRemoteDescription({ type: "answer", sdp });
    this.#described.resolve();
    await this.#connected.promise;
  }

  /** Take a message of the negotiation. @param {import("./control.js").Message} message */
  async hear(message) {
    if (message.type === "ice-candidate" && message.candidate?.candidate) {
      await this.#described.promise;
      await this.#peer.addIceCandidate(message.candidate);
    } else if (message.type === "offer") {
      await this.#peer.setRemoteDescription({ type: "offer", sdp: message.sdp });
      await this.#peer.setLocalDescription();
      this.#channel.send({ type: "answer", sdp: this.#peer.localDescription.sdp });
    }
  }

  /** @returns {Promise<object[]>} W3C webrtc-stats entries */
  async stats() { return [...(await this.#peer.getStats()).values()]; }

  close() { this.#peer.close(); }

  #tell(candidate) {
    // An empty candidate ends a generation, null ends all: the service knows the latter only.
    if (candidate?.candidate === "" || this.#peer.connectionState === "closed") return;
    const { sdpMid, sdpMLineIndex } = candidate ?? {};
    this.#channel.send({
      type: "ice-candidate",
      candidate: candidate && { candidate: candidate.candidate, sdpMid, sdpMLineIndex },
    });
  }

  #prefer(transceiver, mimeType) {
    const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
    const preferred = codecs.filter((codec) => codec.mimeType === mimeType);
    const others = codecs.filter((codec) => codec.mimeType !== mimeType);
    transceiver.setCodecPreferences?.([...preferred, ...others]);
  }
}
