// A session of the hosted service's own SDK. window.look() tells what this page sends and sees at the moment.
import { createDecartClient, models } from "@decartai/sdk";

const OFFICIAL = "wss://api3.decart.ai"; // built into the SDK
const connections = [];
const state = { connection: null, error: null, token: null };
let client, arrivals = [], frames = 0;
const video = document.createElement("video");
Object.assign(video, { autoplay: true, muted: true, playsInline: true });
document.body.append(video);

function divert(base) {
  const Socket = window.WebSocket, Peer = window.RTCPeerConnection;
  window.WebSocket = class extends Socket {
    constructor(url, protocols) { super(String(url).replace(OFFICIAL, base), protocols); }
  };
  window.RTCPeerConnection = class extends Peer {
    constructor(configuration) { super({ ...configuration, iceServers: [] }); connections.push(this); }
  };
}

const note = () => { frames += 1; arrivals.push(performance.now()); video.requestVideoFrameCallback(note); };
video.requestVideoFrameCallback(note);

function show(stream) {
  video.srcObject = stream; // once for each track
}

function follow() {
  client.on("connectionChange", (now) => { state.connection = now; });
  client.on("error", (error) => { state.error = String(error?.message ?? error); });
  state.connection = client.getConnectionState();
}

window.open = async ({ base, model, prompt, token }) => {
  divert(base);
  const { realtime } = createDecartClient({ apiKey: "a-key-for-tests" });
  if (token) {
    client = await realtime.subscribe({ token, onRemoteStream: show });
  } else {
    const definition = models.realtime(model);
    const { width, height, fps } = definition;
    const media = await navigator.mediaDevices.getUserMedia({ video: { width, height, frameRate: fps }, audio: true });
    client = await realtime.connect(media, {
      model: definition, onRemoteStream: show, initialState: prompt ? { prompt: { text: prompt, enhance: false } } : undefined,
    });
    state.token = client.subscribeToken;
  }
  follow();
  return state;
};

window.prompt = ({ text }) => client.setPrompt(text, { enhance: false });
window.leave = () => client.disconnect();

const brush = new OffscreenCanvas(16, 16).getContext("2d", { willReadFrequently: true });

window.look = async () => {
  const entries = [];
  for (const connection of connections) entries.push(...(await connection.getStats()).values());
  const one = (type) => entries.find((entry) => entry.type === type && entry.kind === "video");
  let colour = null;
  if (video.videoWidth) {
    brush.drawImage(video, 0, 0, 16, 16);
    const sums = [0, 0, 0];
    brush.getImageData(0, 0, 16, 16).data.forEach((value, i) => { if (i % 4 < 3) sums[i % 4] += value; });
    colour = sums.map((sum) => sum / 256);
  }
  const taken = arrivals;
  arrivals = [];
  return { ...state, size: [video.videoWidth, video.videoHeight], colour, frames, arrivals: taken, outbound: one("outbound-rtp") ?? null,
    inbound: one("inbound-rtp") ?? null, candidatePair: entries.find((entry) => entry.type === "candidate-pair" && entry.nominated) ?? null };
};
