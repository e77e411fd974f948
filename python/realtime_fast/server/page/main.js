// The page: what its controls do.

import { Probes, composite, figures, keep } from "./latency.js";
import { Meter } from "./meter.js";
import { Screen } from "./screen.js";
import { Closed, Session, decodeToken } from "./session.js";
import { Source } from "./source.js";
import { View, by } from "./view.js";

/** ms between two looks at the statistics, between two reports to the service, and until the first probe. */
const LOOK = 1000;
const REPORT = 5000;
const FIRST_PROBE = 1000;
/** Bytes of an image that fit into one message of the control channel. */
const MAX_IMAGE = 6_000_000;
const WATCH = "#watch=";

const view = new View();
const settings = await (await fetch("/page/settings.json")).json();
const watched = location.hash.startsWith(WATCH) ? location.hash.slice(WATCH.length) : null;

let session = null;
let source = null;
let image = null;
let timers = [];
let measured = fresh();

/** What is measured in one session. */
function fresh() {
  return { probes: new Probes(), meter: new Meter(), shown: [], metrics: null, rtt: null, transport: "webrtc" };
}

const screen = new Screen(by("received"), ({ decodedAt, shownAt }) => {
  session?.pictureShown();
  const { probes, shown } = measured;
  if (!probes.pending) return;
  const now = performance.now();
  const latency = probes.observe(screen.read(probes.inFlight), decodedAt, now);
  if (latency === null) return;
  const toScreen = latency + Math.max(0, shownAt - decodedAt);
  keep(shown, toScreen);
  view.picture(latency, toScreen, now);
});

async function connect() {
  view.clear();
  view.error(null);
  view.state("connecting", "Connecting…");
  measured = fresh();
  const mine = session = new Session(settings, {
    phase: (phase) => { if (!(phase.name === "total" && phase.error)) view.log.add(phase); },
    message: heard,
    track: (track) => { if (mine === session) screen.show(track); },
    end: (cause) => ended(mine, cause),
  });
  try {
    if (watched === null) await publish(mine);
    else await mine.watch(decodeToken(watched), by("key").value.trim());
    view.state("connected", watched === null ? "Connected" : "Watching");
    timers.push(setInterval(look, LOOK));
  } catch (error) {
    mine.close(error);
    ended(mine, error);
  }
}

async function publish(mine) {
  const model = settings.models.find(({ name }) => name === by("model").value);
  const transport = measured.transport = by("transport").value;
  const opened = await Source.open(by("source").value, by("sent"), { ...model, ...chosenSize() });
  if (mine !== session) { // the user left while the browser asked about the camera
    opened.close();
    throw new Closed();
  }
  source = opened;
  const token = await mine.publish({
    key: by("key").value.trim(), transport, model, track: source.track, prompt: by("prompt").value.trim(), image,
  });
  view.link(`${location.origin}/${WATCH}${token}`);
  timers.push(setTimeout(() => source.stampWith(() => measured.probes.stamp(performance.now())), FIRST_PROBE));
  timers.push(setInterval(() => mine.send(measured.probes.report()), REPORT));
}

function disconnect() {
  const mine = session;
  mine?.close();
  ended(mine, new Closed());
}

/** Width and height in pixels, if they are not to be the model's. */
function chosenSize() {
  const [width, height] = by("size").value.match(/\d+/g)?.map(Number) ?? [];
  return width && { width, height };
}

/** Show how a session ended, and put everything away. */
function ended(mine, cause) {
  if (mine === null || mine !== session) return;
  session = null;
  for (const timer of timers.splice(0)) clearTimeout(timer); // intervals, too
  source?.close();
  source = null;
  screen.clear();
  view.link(null);
  const wanted = cause instanceof Closed;
  view.state(wanted ? "disconnected" : "failed", wanted ? "Disconnected" : "Failed");
  view.log.note("Disconnected");
  if (!wanted) view.error(cause.message);
}

async function look() {
  const now = performance.now();
  const rates = measured.meter.measure(await session?.stats() ?? []);
  measured.rtt = rates.rtt;
  view.rates(rates, now);
  measured.probes.tick(now);
  const estimate = composite(measured.transport, measured.rtt, measured.metrics);
  view.latency(measured.probes, figures(measured.shown), estimate, now);
}

function heard(message) {
  if (message.type === "metrics_report") measured.metrics = message;
  if (message.type === "generation_started") view.log.note("The model has begun");
}

/** Change what the model makes, and say what became of it. */
async function change(what, work) {
  const said = by("look-state");
  said.textContent = session ? `${what} is being set …` : `${what} will be set when you connect.`;
  if (!session) return;
  try {
    await work();
    said.textContent = `${what} is set.`;
  } catch (error) {
    said.textContent = `${what} was not set: ${error.message}`;
  }
}

async function imageChosen() {
  const [file] = by("image").files;
  if (!file) return;
  if (file.size > MAX_IMAGE) {
    by("look-state").textContent = `The image is too large: ${MAX_IMAGE / 1e6} MB at most.`;
    return;
  }
  image = await base64(file);
  URL.revokeObjectURL(by("thumbnail").src);
  by("thumbnail").src = URL.createObjectURL(file);
  by("thumbnail").hidden = false;
  by("remove-image").disabled = false;
  await change("The image", () => session.setImage(image));
}

async function imageRemoved() {
  image = null;
  by("image").value = "";
  by("image").focus(); // the button is about to lose the focus
  by("thumbnail").hidden = true;
  by("remove-image").disabled = true;
  await change("No image", () => session.setImage(null));
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(by("link").value);
    by("copied").textContent = "Copied.";
  } catch { // not every page may: then the user copies what is selected
    by("link").select();
    by("copied").textContent = "Press Ctrl+C to copy it.";
  }
}

function prepare() {
  by("version").textContent = settings.version;
  by("key").value = settings.anyKey ? "local" : "";
  by("key-hint").textContent = settings.anyKey
    ? "This service takes any key." : "It stays in this page, and is in no link.";
  for (const { name, width, height } of settings.models) by("model").append(new Option(`${name} (${width}×${height})`, name));
  by("model").value = settings.defaultModel;
  if (watched !== null) {
    document.body.classList.add("viewing");
    document.title = "Viewer – realtime-fast";
    by("connect").textContent = "Watch";
  }
  by("connection").addEventListener("submit", (event) => { event.preventDefault(); connect(); });
  by("disconnect").addEventListener("click", disconnect);
  by("look").addEventListener("submit", (event) => {
    event.preventDefault();
    const prompt = by("prompt").value.trim();
    if (prompt) change("The prompt", () => session.setPrompt(prompt));
    else by("look-state").textContent = "Type a prompt first.";
  });
  by("image").addEventListener("change", imageChosen);
  by("remove-image").addEventListener("click", imageRemoved);
  by("copy").addEventListener("click", copyLink);
  addEventListener("pagehide", disconnect);
  addEventListener("hashchange", () => { if (location.hash.startsWith(WATCH)) location.reload(); });
  view.state("disconnected", "Disconnected");
  if (watched !== null && settings.anyKey) connect();
}

prepare();
