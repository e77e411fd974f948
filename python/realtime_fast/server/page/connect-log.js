// The phases of connecting as they pass, each with its duration.

/** What a phase is called on the page; names in logs are those of docs/protocol.md. */
const NAMES = {
  "client-token": "Key accepted",
  websocket: "Control channel open",
  "avatar-image": "Image acknowledged",
  "initial-prompt": "Prompt acknowledged",
  "webrtc-handshake": "Peer connection up",
  "ivs-stage-setup": "On the stage",
  "first-picture": "First picture",
  total: "Connected, in all",
};

export class ConnectLog {
  #list;
  #bars = [];

  /** @param {HTMLOListElement} list */
  constructor(list) { this.#list = list; }

  clear() {
    this.#list.replaceChildren();
    this.#bars = [];
  }

  /** @param {{name: string, ms: number, error?: string}} phase */
  add({ name, ms, error }) {
    const item = document.createElement("li");
    item.dataset.phase = name;
    item.append(
      text("span", "phase", error ? `${NAMES[name] ?? name}: no` : NAMES[name] ?? name),
      text("span", "took", `${ms.toLocaleString("en", { maximumFractionDigits: 0 })} ms`),
    );
    if (error) item.append(text("span", "why", error));
    const bar = document.createElement("span");
    bar.className = "bar";
    item.append(bar);
    this.#list.append(item);
    this.#bars.push([bar, ms]);
    const longest = Math.max(...this.#bars.map(([, each]) => each), 1);
    for (const [each, took] of this.#bars) each.style.inlineSize = `${(100 * took) / longest}%`;
  }

  /** A line without a duration. @param {string} line */
  note(line) {
    const item = document.createElement("li");
    item.append(text("span", "phase", line));
    this.#list.append(item);
  }
}

function text(kind, name, content) {
  const element = document.createElement(kind);
  element.className = name;
  element.textContent = content;
  return element;
}
