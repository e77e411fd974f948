// What a person does with the service's web page, by the labels and roles that she goes by, and what she sees.
import { readFile } from "node:fs/promises";

const axe = await readFile(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8").catch(() => null);

/** Runs in the page: what it shows at the moment. */
async function seen() {
  const text = (id) => document.getElementById(id).textContent.trim();
  const value = (id) => document.getElementById(id).value;
  const video = document.getElementById("received");
  let colour = null, print = null;
  if (video.videoWidth) {
    const brush = new OffscreenCanvas(16, 16).getContext("2d", { willReadFrequently: true });
    brush.drawImage(video, 0, 0, 16, 16);
    const { data } = brush.getImageData(0, 0, 16, 16);
    colour = [0, 1, 2].map((c) => data.reduce((sum, level, i) => sum + (i % 4 === c ? level : 0), 0) / 256);
    print = data.reduce((sum, level) => (31 * sum + level) | 0, 0);
  }
  const active = document.activeElement;
  return {
    state: text("state"), error: text("error"), said: text("look-state"), probes: text("probes"), link: value("link"),
    p50: parseFloat(text("p50")), recent: parseFloat(text("latency-now").split(":")[1]), shown: parseFloat(text("shown")), composite: parseFloat(text("composite")),
    fps: text("fps-now"), bitrate: text("bitrate-now"), network: text("network"),
    log: [...document.querySelectorAll("#log li")].map((item) => item.dataset.phase ?? item.textContent),
    size: [video.videoWidth, video.videoHeight], colour, print, focus: active?.id || active?.className || active?.tagName,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    loaded: [...new Set(performance.getEntriesByType("resource").map((entry) => entry.name))],
  };
}

/** @param {Map<string, import("playwright-core").Page>} pages @param {import("playwright-core").Browser} browser */
export const person = (browser, pages) => ({
  visit: async ({ page, url, camera = false, dark = false, size = [1280, 900], scale = 1 }) => {
    const context = await browser.newContext({
      permissions: camera ? ["camera"] : [],
      colorScheme: dark ? "dark" : "light",
      viewport: { width: size[0], height: size[1] },
      deviceScaleFactor: scale,
    });
    // No test depends on a network.
    await context.route(({ hostname }) => hostname !== "127.0.0.1", (route) => route.abort());
    const opened = await context.newPage();
    const complaints = [];
    opened.on("pageerror", (error) => complaints.push(String(error)));
    opened.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) complaints.push(message.text());
    });
    pages.set(page, Object.assign(opened, { complaints }));
    await opened.goto(url);
  },
  choose: ({ page, label, option }) => pages.get(page).getByLabel(label, { exact: true }).selectOption({ label: option }),
  write: ({ page, label, text }) => pages.get(page).getByLabel(label, { exact: true }).fill(text),
  upload: ({ page, label, path }) => pages.get(page).getByLabel(label, { exact: true }).setInputFiles(path),
  click: ({ page, role, name }) => pages.get(page).getByRole(role, { name, exact: true }).click(),
  press: async ({ page, keys }) => { for (const key of keys) await pages.get(page).keyboard.press(key); },
  type: ({ page, text }) => pages.get(page).keyboard.type(text),
  see: async ({ page }) => ({ ...await pages.get(page).evaluate(seen), complaints: [...new Set(pages.get(page).complaints)] }),
  appear: async ({ page, ...scheme }) => { await pages.get(page).emulateMedia(scheme); },
  resize: ({ page, size: [width, height] }) => pages.get(page).setViewportSize({ width, height }),
  photograph: async ({ page, path, whole = false }) => { await pages.get(page).screenshot({ path, fullPage: whole }); },
  check: async ({ page }) => {
    await pages.get(page).evaluate(axe);
    const { violations } = await pages.get(page).evaluate(() => window.axe.run());
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
  },
});
