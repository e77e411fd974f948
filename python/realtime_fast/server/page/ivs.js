// Media over an Amazon IVS stage, by Amazon's Web Broadcast SDK (docs/protocol.md, IVS connect).

import { deferred } from "./control.js";

/** kbit/s that the SDK may send; its own limit. */
const MAX_KBPS = 2500;

let loading = null;

/**
 * Amazon's SDK, loaded when it is needed first.
 * @param {string} url a path of this service, or of Amazon's CDN
 */
export function loadSdk(url) {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(globalThis.IVSBroadcastClient);
    script.onerror = () => reject(new Error(
      `Amazon's Web Broadcast SDK could not be loaded from ${new URL(url, location.href).host}. Without access to it, `
      + "fetch a copy (npm install amazon-ivs-web-broadcast) and start the service with "
      + "realtime-fast serve --ivs-sdk node_modules/amazon-ivs-web-broadcast/dist/amazon-ivs-web-broadcast.js",
    ));
    document.head.append(script);
  }).then((sdk) => {
    if (!sdk?.Stage) throw new Error(`${url} is not Amazon's Web Broadcast SDK: give its file to serve --ivs-sdk`);
    return sdk;
  });
  loading.catch(() => { loading = null; }); // it may be there the next time
  return loading;
}

export class StageMedia {
  #given;
  #stage = null;
  #closed = false;
  #local = [];
  #remote = [];

  /**
   * @param {object} given
   * @param {string} given.sdk URL of Amazon's SDK
   * @param {string} given.token the participant token
   * @param {string} given.serverId participant of the service, the only one that is watched
   * @param {?MediaStreamTrack} given.track what to send; null for a viewer
   * @param {(track: MediaStreamTrack) => void} given.onTrack called with the service's video
   * @param {(cause: Error) => void} given.onLost called when the stage is lost
   */
  constructor(given) { this.#given = given; }

  /** Join, and publish if there is something to. */
  async connect() {
    const { sdk, token, track, onLost } = this.#given;
    const ivs = await loadSdk(sdk);
    if (this.#closed) return;
    if (track) {
      this.#local = [new ivs.LocalStageStream(track, {
        maxVideoBitrateKbps: MAX_KBPS,
        maxFramerate: 30,
        simulcast: { enabled: false },
      })];
    }
    const published = deferred();
    const stage = this.#stage = new ivs.Stage(token, this.#strategy(ivs));
    stage.on(ivs.StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (who, streams) => this.#added(who, streams));
    stage.on(ivs.StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, (who, state) => {
      if (who.isLocal && state === ivs.StageParticipantPublishState.PUBLISHED) published.resolve();
    });
    stage.on(ivs.StageEvents.STAGE_CONNECTION_STATE_CHANGED, (state) => {
      if (state === ivs.StageConnectionState.ERRORED) onLost(new Error("The connection to the stage was lost"));
    });
    stage.on(ivs.StageEvents.STAGE_LEFT, () => {
      if (!this.#closed) onLost(new Error("The stage is over, or has put this page out"));
    });
    stage.on(ivs.StageEvents.ERROR, (error) => onLost(new Error(`The stage failed: ${error.message}`)));
    await stage.join();
    if (track) await published.promise;
  }

  /** Nothing of a stage is negotiated over the control channel. */
  async hear() {}

  /** @returns {Promise<object[]>} W3C webrtc-stats entries of what is sent and of what is received */
  async stats() {
    const reports = await Promise.all([...this.#local, ...this.#remote].map((stream) => stream.requestRTCStats()));
    return reports.flatMap((report) => (report ? [...report.values()] : []));
  }

  close() {
    this.#closed = true;
    this.#stage?.leave();
  }

  #strategy(ivs) {
    const { serverId, track } = this.#given;
    return {
      stageStreamsToPublish: () => this.#local,
      shouldPublishParticipant: () => track !== null,
      shouldSubscribeToParticipant: (who) =>
        (who.id === serverId ? ivs.SubscribeType.AUDIO_VIDEO : ivs.SubscribeType.NONE),
    };
  }

  #added(who, streams) {
    if (who.id !== this.#given.serverId) return;
    const video = streams.find((stream) => stream.mediaStreamTrack.kind === "video");
    if (!video) return;
    this.#remote = [video];
    this.#given.onTrack(video.mediaStreamTrack);
  }
}
