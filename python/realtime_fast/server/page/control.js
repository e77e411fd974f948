// The control channel: JSON messages over one WebSocket (docs/protocol.md, Messages).

/** @typedef {{type: string, [field: string]: any}} Message */

/** Times in ms that the service may take to acknowledge. */
const ACK_LIMIT = { prompt: 15_000, set_image: 30_000 };

/**
 * A promise, and what settles it. Nobody has to wait for it: a failure is told where it is looked at.
 * @returns {{promise: Promise<any>, resolve: (value?: any) => void, reject: (cause: Error) => void}}
 */
export function deferred() {
  let resolve, reject;
  const promise = new Promise((...settle) => { [resolve, reject] = settle; });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** A promise that fails after so many ms with a sentence that says what was waited for. */
export function within(ms, promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class ControlChannel {
  #socket;
  #firsts = new Map();
  #acks = [];
  #opened = deferred();
  #ended = deferred();
  #over = false;

  /**
   * @param {string} url ws: or wss:
   * @param {(message: Message) => void} onMessage called with every message, from the first one on
   */
  constructor(url, onMessage) {
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => this.#opened.resolve();
    this.#socket.onmessage = ({ data }) => this.#hear(parsed(data), onMessage);
    this.#socket.onclose = ({ code, reason }) => this.fail(new Error(closed(code, reason)));
  }

  /** Resolves once messages can be sent. */
  get opened() { return this.#opened.promise; }

  /** Fails with the first thing that ended the channel; never resolves. */
  get ended() { return this.#ended.promise; }

  /** The first message of a type, which may have come already. @returns {Promise<Message>} */
  first(type) {
    if (!this.#firsts.has(type)) this.#firsts.set(type, deferred());
    return Promise.race([this.#firsts.get(type).promise, this.ended]);
  }

  /** @param {Message} message */
  send(message) {
    if (this.#over || this.#socket.readyState !== WebSocket.OPEN) throw new Error("Not connected");
    this.#socket.send(JSON.stringify(message));
  }

  /** Change the prompt; resolves when the service has acknowledged it. @param {string} prompt */
  setPrompt(prompt) {
    const message = { type: "prompt", prompt, enhance_prompt: true };
    return this.#acknowledged(message, (ack) => ack.type === "prompt_ack" && ack.prompt === prompt);
  }

  /**
   * Change the image, and the prompt with it if one is given.
   * @param {?string} image_data base64; null for none
   * @param {?string} [prompt] null together with no image is passthrough; left out, the prompt stays
   */
  setImage(image_data, prompt) {
    const message = { type: "set_image", image_data };
    if (prompt !== undefined) message.prompt = prompt;
    return this.#acknowledged(message, (ack) => ack.type === "set_image_ack");
  }

  /** End it, with the cause that everybody who waits is told. @param {Error} cause */
  fail(cause) {
    if (this.#over) return;
    this.#over = true;
    this.#opened.reject(cause);
    this.#ended.reject(cause);
    for (const ack of this.#acks.splice(0)) ack.reject(cause);
    this.#socket.close();
  }

  #acknowledged(message, matches) {
    const ack = { matches, ...deferred() };
    this.#acks.push(ack);
    try {
      this.send(message);
    } catch (error) {
      ack.reject(error);
    }
    return within(ACK_LIMIT[message.type], ack.promise, "The acknowledgement")
      .finally(() => { this.#acks = this.#acks.filter((other) => other !== ack); });
  }

  #hear(message, onMessage) {
    if (this.#over) return;
    if (message?.type === "error" || message === null) {
      this.fail(new Error(message?.error ?? "The service sent something that is no message"));
      return;
    }
    if (!this.#firsts.has(message.type)) this.#firsts.set(message.type, deferred());
    this.#firsts.get(message.type).resolve(message);
    const ack = this.#acks.find((waiting) => waiting.matches(message));
    if (ack && message.success) ack.resolve();
    else if (ack) ack.reject(new Error(message.error ?? "The service refused it"));
    onMessage(message);
  }
}

/** @returns {?Message} */
function parsed(text) {
  try {
    const message = JSON.parse(text);
    return typeof message?.type === "string" ? message : null;
  } catch {
    return null;
  }
}

/** Why a WebSocket closed, as a sentence; browsers do not tell a refusal from a lost network (both are 1006). */
function closed(code, reason) {
  if (reason) return `The service closed the connection: ${reason}`;
  if (code === 1006) return "The service refused the control channel, or the connection to it was lost";
  if (code === 1001 || code === 1012) return "The service is stopping";
  return `The service closed the connection (code ${code})`;
}
