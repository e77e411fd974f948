// What became of each probe, and how late pictures are (docs/latency.md). Times are ms of performance.now().

/** ms after which a probe counts as lost; some pipelines take 20 s. */
export const TIMEOUT = 60_000;
/** Values a percentile needs: with fewer it would be the greatest one under another name. */
export const ENOUGH = { p50: 2, p95: 20, p99: 100 };
/** ms that the figures of the moment are made of. */
export const WINDOW = 5_000;
/** Latencies that are kept for percentiles, the newest: ten minutes of every picture at 30 fps. */
const KEPT = 18_000;

/** Add to a list of latencies, which forgets its oldest. @param {number[]} list @param {number} value */
export function keep(list, value) {
  list.push(value);
  if (list.length > KEPT) list.shift();
}

/**
 * @typedef {object} Figures all latencies in ms, null where there are too few
 * @property {number} count
 * @property {?number} p50
 * @property {?number} p95
 * @property {?number} p99
 * @property {?number} max
 */

/** @param {number[]} latencies ms @returns {Figures} nearest rank, as everywhere in this project */
export function figures(latencies) {
  const ordered = Float64Array.from(latencies).sort();
  const count = ordered.length;
  const at = (name, share) => (count < ENOUGH[name] ? null : ordered[Math.max(0, Math.ceil(share * count) - 1)]);
  return { count, p50: at("p50", 0.5), p95: at("p95", 0.95), p99: at("p99", 0.99), max: count ? ordered[count - 1] : null };
}

export class Probes {
  #sentAt = new Map();
  #seq = 0;
  #latencies = [];
  #arrivals = [];
  #window = { latencies: [], lost: 0, corrupted: 0, out_of_order: 0, received: 0 };
  #newest = null;
  counts = { sent: 0, received: 0, lost: 0, corrupted: 0 };

  /** The numbers in flight, oldest first. */
  get inFlight() { return this.#sentAt.keys(); }

  get pending() { return this.#sentAt.size; }

  /** The number for a picture that is stamped now. @param {number} now */
  stamp(now) {
    this.#seq = (this.#seq + 1) % 65536;
    this.#sentAt.set(this.#seq, now);
    this.counts.sent += 1;
    return this.#seq;
  }

  /**
   * Take a reading. A number that is not in flight, or was read before, says nothing.
   * @param {number | "corrupted" | null} reading
   * @param {number} decodedAt when a picture was decoded
   * @param {number} now A browser may tell of one picture and show the next: then that was decoded by now.
   * @returns {?number} the latency in ms, if it is one
   */
  observe(reading, decodedAt, now) {
    if (reading === "corrupted" && this.pending) {
      // It belongs most probably to the oldest; which one does not matter to the counts.
      this.#sentAt.delete(this.inFlight.next().value);
      this.#count("corrupted");
      return null;
    }
    const sentAt = this.#sentAt.get(reading);
    if (typeof reading !== "number" || sentAt === undefined) return null;
    this.#sentAt.delete(reading);
    this.#count("received");
    // Serial numbers (RFC 1982): above the newest one means less than half the circle ahead.
    if (this.#newest !== null && ((reading - this.#newest) & 0xffff) >= 0x8000) this.#window.out_of_order += 1;
    else this.#newest = reading;
    const latency = (decodedAt < sentAt ? now : decodedAt) - sentAt;
    keep(this.#latencies, latency);
    keep(this.#arrivals, now);
    this.#window.latencies.push(latency);
    return latency;
  }

  /** Give up what is overdue. @param {number} now */
  tick(now) {
    for (const [seq, sentAt] of this.#sentAt) {
      if (now - sentAt < TIMEOUT) break;
      this.#sentAt.delete(seq);
      this.#count("lost");
    }
  }

  /** Of the whole session. */
  figures() { return figures(this.#latencies); }

  /** Of the last `WINDOW`. @param {number} now */
  recent(now) { return figures(this.#latencies.slice(this.#arrivals.findLastIndex((at) => at < now - WINDOW) + 1)); }

  /** The `e2e_latency_report` since the last one. */
  report() {
    const { latencies, received, ...deltas } = this.#window;
    this.#window = { latencies: [], lost: 0, corrupted: 0, out_of_order: 0, received: 0 };
    const ended = received + deltas.lost + deltas.corrupted;
    const sum = latencies.reduce((total, latency) => total + latency, 0);
    return {
      type: "e2e_latency_report",
      avg_latency_ms: latencies.length ? Math.round(100 * sum / latencies.length) / 100 : null,
      delivery_rate: ended ? received / ended : 0,
      ...deltas,
    };
  }

  #count(outcome) {
    this.counts[outcome] += 1;
    this.#window[outcome] += 1;
  }
}

/**
 * The sum of the network's round trips and the pipeline's latency, in ms; null until the service has reported.
 * @param {"webrtc" | "ivs"} transport over a stage each end measures its own way to it, else both the same one
 * @param {?number} clientRtt ms
 * @param {?{rtt_ms?: number, pipeline_latency_ms?: number}} metrics the service's `metrics_report`
 */
export function composite(transport, clientRtt, metrics) {
  if (metrics?.pipeline_latency_ms == null) return null;
  const client = clientRtt ?? 0, server = metrics.rtt_ms ?? 0;
  return metrics.pipeline_latency_ms + (transport === "ivs" ? client + server : client || server);
}
