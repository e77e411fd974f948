// One connection to the service, as a publisher or as a viewer: the order of its phases, and its one end.

import { ControlChannel, deferred, within } from "./control.js";
import { PeerMedia } from "./webrtc.js";
import { StageMedia } from "./ivs.js";

/** ms that each phase may take. */
const LIMIT = 30_000;

/** What ends a session that its user ends. */
export class Closed extends Error {
  constructor() { super("Disconnected"); }
}

/**
 * @typedef {object} Model a realtime model: pictures of width × height pixels, fps of them a second
 * @property {string} name
 * @property {string} path of its control channel
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 */

/**
 * @typedef {object} Watched what a subscribe token says (docs/protocol.md, Viewers)
 * @property {string} sid
 * @property {string} ip
 * @property {number} port
 * @property {"webrtc" | "ivs"} transport
 */

export class Session {
  #on;
  #settings;
  #channel = null;
  #media = null;
  #live = false;
  #over = deferred();
  #leaving = new AbortController();
  #picture = deferred();

  /**
   * @param {{version: string, ivsSdk: string}} settings of the service's page
   * @param {object} on
   * @param {(phase: {name: string, ms: number, error?: string}) => void} on.phase a phase has passed, or failed
   * @param {(message: import("./control.js").Message) => void} on.message the service said something
   * @param {(track: MediaStreamTrack) => void} on.track the service's video is there
   * @param {(cause: Error) => void} on.end the session ended after it had been connected
   */
  constructor(settings, on) {
    this.#settings = settings;
    this.#on = on;
  }

  /**
   * Connect, and send a track through the model.
   * @param {object} wanted
   * @param {string} wanted.key API key
   * @param {"webrtc" | "ivs"} wanted.transport
   * @param {Model} wanted.model
   * @param {MediaStreamTrack} wanted.track
   * @param {string} wanted.prompt may be empty
   * @param {?string} wanted.image base64
   * @returns {Promise<string>} the subscribe token for viewers
   */
  async publish({ key, transport, model, track, prompt, image }) {
    return this.#whole(async () => {
      const suffix = transport === "ivs" ? "-ivs" : "";
      await this.#open(key, `${model.path}${suffix}`, { model: model.name, latency_diagnostics: "true" });
      const state = () => this.#initialState(prompt, image);
      if (transport === "ivs") {
        await this.#phase("ivs-stage-setup", () => this.#joinOwnStage(track));
        this.#channel.send({ type: "ivs_joined" });
        await state();
      } else {
        await state();
        await this.#phase("webrtc-handshake", () => this.#connectPeer(track));
      }
      await this.#phase("first-picture", () => this.#picture.promise);
      const { session_id: sid, server_ip: ip, server_port: port } = await this.#channel.first("session_id");
      return encodeToken({ sid, ip, port, transport });
    });
  }

  /** Connect to somebody else's session. @param {Watched} token @param {string} key API key */
  async watch({ sid, ip, port, transport }, key) {
    return this.#whole(async () => {
      if (transport === "ivs") {
        await this.#phase("ivs-stage-setup", () => this.#joinStageOf(sid, key));
      } else {
        await this.#open(key, `/subscribe/${encodeURIComponent(sid)}`, { IP: ip, port: String(port) });
        await this.#phase("webrtc-handshake", () => this.#connectPeer(null));
      }
      await this.#phase("first-picture", () => this.#picture.promise);
    });
  }

  setPrompt(prompt) { return this.#channel.setPrompt(prompt); }

  setImage(image) { return this.#channel.setImage(image); }

  /** @param {import("./control.js").Message} message */
  send(message) { this.#channel.send(message); }

  /** @returns {Promise<object[]>} W3C webrtc-stats entries */
  async stats() { return this.#live && !this.#leaving.signal.aborted ? this.#media.stats() : []; }

  /** A picture of the service is on the screen. */
  pictureShown() { this.#picture.resolve(); }

  /** End it; the first cause counts. */
  close(cause = new Closed()) {
    if (this.#leaving.signal.aborted) return;
    this.#leaving.abort();
    this.#over.reject(cause);
    this.#channel?.fail(cause);
    this.#media?.close();
    if (this.#live) this.#on.end(cause);
  }

  async #whole(work) {
    try {
      const result = await this.#phase("total", work, Infinity);
      this.#live = true;
      return result;
    } catch (error) {
      this.close(error);
      throw error;
    }
  }

  async #phase(name, work, limit = LIMIT) {
    const began = performance.now();
    const finished = limit === Infinity ? work() : within(limit, work(), `The phase ${name}`);
    try {
      const result = await Promise.race([finished, this.#over.promise]);
      this.#on.phase({ name, ms: performance.now() - began });
      return result;
    } catch (error) {
      this.#on.phase({ name, ms: performance.now() - began, error: error.message });
      throw error;
    }
  }

  async #open(key, path, query) {
    // A URL may be written down on its way; a token that lasts a minute stands for the key in it.
    const { apiKey } = await this.#phase("client-token", () =>
      this.#fetched("/v1/client/tokens", { method: "POST", headers: { "x-api-key": key } }));
    const url = new URL(path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const agent = `realtime-fast/${this.#settings.version} page`;
    url.search = String(new URLSearchParams({ api_key: apiKey, ...query, user_agent: agent }));
    await this.#phase("websocket", () => {
      this.#channel = new ControlChannel(url.href, (message) => this.#hear(message));
      this.#channel.ended.catch((cause) => this.close(cause));
      return this.#channel.opened;
    });
  }

  async #initialState(prompt, image) {
    if (image) await this.#phase("avatar-image", () => this.#channel.setImage(image, prompt || undefined), Infinity);
    else if (prompt) await this.#phase("initial-prompt", () => this.#channel.setPrompt(prompt), Infinity);
    else await this.#channel.setImage(null, null);
  }

  #connectPeer(track) {
    this.#media = new PeerMedia({ channel: this.#channel, track, ...this.#watchers() });
    return this.#media.connect();
  }

  async #joinOwnStage(track) {
    const ready = await this.#channel.first("ivs_stage_ready");
    await this.#join(ready.client_token, ready.server_publish_participant_id, track);
  }

  async #joinStageOf(sid, key) {
    const grant = await this.#fetched(`/v1/subscribe-ivs/${encodeURIComponent(sid)}`, { headers: { "x-api-key": key } });
    await this.#join(grant.subscribe_token, grant.server_publish_participant_id, null);
  }

  #join(token, serverId, track) {
    this.#media = new StageMedia({ sdk: this.#settings.ivsSdk, token, serverId, track, ...this.#watchers() });
    return this.#media.connect();
  }

  #watchers() {
    return { onTrack: this.#on.track, onLost: (cause) => this.close(cause) };
  }

  #hear(message) {
    this.#media?.hear(message).catch((error) => this.close(error));
    this.#on.message(message);
  }

  async #fetched(path, options) {
    let answer;
    try {
      answer = await fetch(path, { ...options, signal: this.#leaving.signal });
    } catch (error) {
      if (this.#leaving.signal.aborted) throw error;
      throw new Error("The service cannot be reached: is realtime-fast serve still running?");
    }
    if (answer.status === 401) throw new Error("The service does not accept this API key");
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(body.error ?? `The service answered with HTTP ${answer.status}`);
    return body;
  }
}

/** @param {Watched} watched */
function encodeToken(watched) {
  return btoa(JSON.stringify(watched)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @param {string} token in either base64 alphabet @returns {Watched} */
export function decodeToken(token) {
  try {
    const watched = JSON.parse(atob(token.replaceAll("-", "+").replaceAll("_", "/")));
    const { sid, ip = "", port = 0, transport = "webrtc" } = watched;
    if (typeof sid === "string" && sid && (transport === "ivs" || (transport === "webrtc" && ip && port > 0))) {
      return { sid, ip, port, transport };
    }
  } catch { /* as below */ }
  throw new Error("The link's subscribe token is invalid: copy the whole link again");
}
