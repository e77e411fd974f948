// Figures of a connection, from two looks at its statistics (W3C webrtc-stats).

/**
 * @typedef {object} Rates null where nothing is known
 * @property {?number} fpsSent pictures encoded a second
 * @property {?number} fpsReceived pictures decoded a second
 * @property {?number} kbpsSent kbit/s of video
 * @property {?number} kbpsReceived kbit/s of video
 * @property {?number} rtt ms
 * @property {?number} lost packets of video that never came, since the start
 */

export class Meter {
  #last = new Map();

  /** @param {object[]} entries of `getStats` @returns {Rates} since the last call */
  measure(entries) {
    const one = (type) => entries.find((entry) => entry.type === type && entry.kind === "video");
    const sent = one("outbound-rtp"), received = one("inbound-rtp");
    const rates = {
      fpsSent: this.#rate(sent, "framesEncoded"),
      fpsReceived: this.#rate(received, "framesDecoded"),
      kbpsSent: this.#rate(sent, "bytesSent", 8 / 1000),
      kbpsReceived: this.#rate(received, "bytesReceived", 8 / 1000),
      rtt: roundTrip(entries),
      lost: received?.packetsLost ?? null,
    };
    this.#last = new Map(entries.map((entry) => [entry.id, entry]));
    return rates;
  }

  #rate(entry, field, unit = 1) {
    const last = entry && this.#last.get(entry.id);
    if (!last || entry.timestamp <= last.timestamp) return null;
    return (unit * 1000 * (entry[field] - last[field])) / (entry.timestamp - last.timestamp);
  }
}

function roundTrip(entries) {
  const pair = entries.find((entry) => entry.type === "candidate-pair" && entry.nominated && entry.currentRoundTripTime !== undefined);
  return pair ? 1000 * pair.currentRoundTripTime : null;
}
