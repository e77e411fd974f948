// Headless Chromium, driven by JSON lines: {"op", "page", …} in, {"result"} or {"error"} out. A page is a stage with
// Amazon's SDK or a session with the hosted service's, or the service's own (person.mjs); --fake-video names what its
// camera shows.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildSync } from "esbuild";
import { chromium } from "playwright-core";
import { person } from "./person.mjs";

const here = new URL(".", import.meta.url);
const { values: given } = parseArgs({ options: { chromium: { type: "string" }, "fake-video": { type: "string" } } });
const file = (name) => readFile(new URL(name, here));
const bundle = () => buildSync({ absWorkingDir: fileURLToPath(here), entryPoints: ["session.js"], bundle: true, write: false });
const served = {
  "/stage": ["text/html", () => file("stage.html")],
  "/session": ["text/html", () => file("session.html")],
  "/stage-sdk.js": ["text/javascript", () => file("node_modules/amazon-ivs-web-broadcast/dist/amazon-ivs-web-broadcast.js")],
  "/session.js": ["text/javascript", () => bundle().outputFiles[0].contents],
};
// The pages come from an origin of their own, so that the stage's CORS answers are needed.
const server = createServer(async (request, response) => {
  const [type, content] = served[request.url] ?? [];
  if (!type) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": type }).end(await content());
}).listen(0, "127.0.0.1");
await new Promise((done) => server.once("listening", done));

const browser = await chromium.launch({
  executablePath: given.chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required", "--disable-features=WebRtcHideLocalIpsWithMdns",
    ...(given["fake-video"] ? [`--use-file-for-fake-video-capture=${given["fake-video"]}`] : [])],
});
const pages = new Map();

async function opened(name, path) {
  const context = await browser.newContext({ permissions: ["camera", "microphone"] });
  const page = await context.newPage();
  pages.set(name, page);
  await page.goto(`http://127.0.0.1:${server.address().port}${path}`);
  return page;
}

const operations = {
  join: async ({ page, ...options }) => (await opened(page, "/stage")).evaluate((given) => window.join(given), options),
  open: async ({ page, ...options }) => (await opened(page, "/session")).evaluate((given) => window.open(given), options),
  prompt: ({ page, ...options }) => pages.get(page).evaluate((given) => window.prompt(given), options),
  look: ({ page }) => pages.get(page).evaluate(() => window.look()),
  leave: ({ page }) => pages.get(page).evaluate(() => window.leave()),
  exchange: ({ page, token }) => pages.get(page).evaluate((given) => window.exchange(given), token),
  close: ({ page }) => pages.get(page).context().close(),
  ...person(browser, pages),
};

console.log(JSON.stringify({ result: "ready" }));
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: (await operations[command.op](command)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
await browser.close();
server.close();
