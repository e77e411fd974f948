// What the page says: state, errors, figures, charts. It decides nothing.

import { Chart } from "./charts.js";
import { ConnectLog } from "./connect-log.js";
import { ENOUGH, WINDOW } from "./latency.js";

/** @param {string} id @returns {any} the element; which one it is says index.html */
export const by = (id) => document.getElementById(id);

const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits });
const RECEIVED = { name: "received", colour: "--a" };
const SENT = { name: "sent", colour: "--b" };

/** @typedef {"disconnected" | "connecting" | "connected" | "failed"} State */

export class View {
  log = new ConnectLog(by("log"));
  #latency = new Chart(by("latency-chart"), [
    { name: "to decoded", colour: "--a", dots: true }, { name: "to screen", colour: "--b", dots: true },
  ]);
  #fps = new Chart(by("fps-chart"), [RECEIVED, SENT]);
  #bitrate = new Chart(by("bitrate-chart"), [RECEIVED, SENT]);

  /** @param {State} state @param {string} said by which people know it */
  state(state, said) {
    by("state").dataset.state = state;
    by("state").textContent = said;
    const busy = state === "connecting" || state === "connected";
    // A button that is disabled loses the keyboard's focus: the other one takes it.
    const [off, on] = busy ? [by("connect"), by("disconnect")] : [by("disconnect"), by("connect")];
    const focused = document.activeElement === off;
    off.disabled = true;
    on.disabled = false;
    if (focused) on.focus();
    for (const id of ["transport", "source", "model", "size"]) by(id).disabled = busy;
    by("key").readOnly = busy; // it may have the focus
  }

  /** @param {?string} message null for none */
  error(message) {
    by("error").textContent = message ?? "";
    by("error").hidden = message === null;
  }

  /** @param {?string} url null for none */
  link(url) {
    by("link").value = url ?? "";
    by("copy").disabled = url === null;
    by("open").hidden = url === null;
    if (url) by("open").href = url;
    by("copied").textContent = "";
  }

  /** Begin with a clean sheet. */
  clear() {
    this.log.clear();
    for (const chart of [this.#latency, this.#fps, this.#bitrate]) chart.clear();
    for (const id of ["p50", "p95", "p99", "shown", "composite"]) by(id).textContent = "–";
  }

  /** One picture's latency, in ms. */
  picture(decoded, shown, now) {
    this.#latency.add([decoded, shown], now);
  }

  /** @param {import("./meter.js").Rates} rates */
  rates({ fpsReceived, fpsSent, kbpsReceived, kbpsSent, rtt, lost }, now) {
    this.#fps.add([fpsReceived, fpsSent], now);
    this.#bitrate.add([kbpsReceived, kbpsSent], now);
    by("fps-now").textContent = `${both(fpsReceived, fpsSent, 1)} pictures a second`;
    by("bitrate-now").textContent = `${both(kbpsReceived, kbpsSent, 0)} kbit/s`;
    by("network").textContent = [
      rtt === null ? "Round trip unknown" : `Round trip ${number(rtt, 1)} ms`,
      lost === null ? null : `${number(lost)} packets lost`,
    ].filter(Boolean).join(", ");
  }

  /**
   * @param {import("./latency.js").Probes} probes
   * @param {import("./latency.js").Figures} shown to the screen
   * @param {?number} composite ms
   * @param {number} now ms
   */
  latency(probes, shown, composite, now) {
    const decoded = probes.figures();
    for (const name of Object.keys(ENOUGH)) by(name).textContent = ms(decoded[name]);
    by("shown").textContent = ms(shown.p50);
    by("composite").textContent = ms(composite);
    by("latency-now").textContent = `median of the last ${WINDOW / 1000} s: ${ms(probes.recent(now).p50)}`;
    const { sent, received, lost, corrupted } = probes.counts;
    if (sent) {
      by("probes").textContent = `Of ${number(sent)} numbers that were sent ${number(received)} came back, `
        + `${number(corrupted)} illegible, ${number(lost)} lost, ${number(probes.pending)} under way.`;
    }
  }
}

function ms(value) { return value === null ? "–" : `${number(value, value < 100 ? 1 : 0)} ms`; }

function both(received, sent, digits) {
  return [received, sent].filter((value) => value !== null).map((value) => number(value, digits)).join(" / ") || "–";
}
