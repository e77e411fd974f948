// Headless Chromium with pages that join stages, driven by JSON lines: {"op", "page", …} in, {"result"} or {"error"} out.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const here = new URL(".", import.meta.url);
const files = {
  "/": ["page.html", "text/html"],
  "/sdk.js": ["node_modules/amazon-ivs-web-broadcast/dist/amazon-ivs-web-broadcast.js", "text/javascript"],
};
// The pages come from an origin of their own, so that the stage's CORS answers are needed.
const server = createServer(async (request, response) => {
  const file = files[request.url.split("?")[0]];
  if (!file) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": file[1] }).end(await readFile(new URL(file[0], here)));
}).listen(0, "127.0.0.1");
await new Promise((done) => server.once("listening", done));

const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required", "--disable-features=WebRtcHideLocalIpsWithMdns"],
});
const pages = new Map();

const operations = {
  async join({ page: name, token, publish }) {
    const context = await browser.newContext({ permissions: ["camera", "microphone"] });
    const page = await context.newPage();
    pages.set(name, page);
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    return page.evaluate((options) => window.join(options), { token, publish });
  },
  look: ({ page }) => pages.get(page).evaluate(() => window.look()),
  leave: ({ page }) => pages.get(page).evaluate(() => window.leave()),
  close: ({ page }) => pages.get(page).context().close(),
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
