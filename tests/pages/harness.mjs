// A playground server on a free port, a browser, and what the tests ask of both.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, "../..");
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const screenshots = join(root, "build/screenshots");

export const sampleConfig = join(here, "config");

// Deploys to hosts need it; their tests are skipped without.
const ansible = process.env.LEMMY_ANSIBLE_BIN ?? join(root, "build/ansible-venv/bin");
export const hasAnsible = existsSync(join(ansible, "ansible-runner"));

export async function startServer({ port = 0, data, config = sampleConfig } = {}) {
  const made = data ?? mkdtempSync(join(tmpdir(), "lemmy-pages-"));
  const binary = process.env.LEMMY ?? join(root, "build/lemmy");
  const child = spawn(binary, ["playground", "--config", config, "--port", String(port),
    "--data", made, ...(hasAnsible ? ["--ansible", ansible] : [])],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, LEMMY_PAGES_DATA: made } });
  let log = "";
  child.stderr.on("data", (text) => (log += text));
  const ended = new Promise((done) => child.on("exit", (code, signal) => done(code ?? signal)));
  const url = await new Promise((done, failed) => {
    let out = "";
    child.stdout.on("data", (text) => {
      out += text;
      const found = out.match(/listening on (http:\S+)/);
      if (found) done(found[1]);
    });
    child.on("exit", (code) => failed(new Error(`the server ended with ${code}: ${out}${log}`)));
  });
  return {
    url,
    data: made,
    log: () => log,
    signal: (name) => child.kill(name),
    async stop({ keep = false } = {}) {
      child.kill("SIGTERM");
      const code = await ended;
      if (!keep) rmSync(made, { recursive: true, force: true });
      assert.equal(code, 0, `the server ended with ${code}: ${log.slice(-8000)}`);
    },
  };
}

export async function announce(url, project, sha, message = "A change", more = {}) {
  const body = new URLSearchParams({ project, sha, branch: "main", author: "ada", message, ...more });
  const answer = await fetch(`${url}/hooks/build`, { method: "POST", body });
  if (answer.status !== 202) throw new Error(`the hook answered ${answer.status}: ${await answer.text()}`);
}

export function launch() {
  mkdirSync(screenshots, { recursive: true });
  const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
}

// How many streams the server writes now.
export async function viewers(url) {
  return Number((await (await fetch(`${url}/metrics`)).text()).match(/^lemmy_stream_viewers (\d+)$/m)?.[1] ?? 0);
}
export async function until(what, why, tries = 150) {
  for (let i = 0; i < tries; ++i) {
    if (await what()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(why);
}

// A page that fails its test on anything written to the console as an error (the CSP does), any exception, and
// any request to another server.
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 850 }, ...options });
  const page = await context.newPage();
  page.faults = [];
  page.on("console", (m) => m.type() === "error" && page.faults.push(m.text()));
  page.on("pageerror", (e) => page.faults.push(String(e)));
  page.on("request", (r) => !r.url().startsWith(url) && page.faults.push(`a request to ${r.url()}`));
  page.setDefaultTimeout(30_000);
  return page;
}

// Serious and critical findings of axe-core, in words.
async function barriers(page) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  return violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(" | ")}`);
}

// Light, dark and narrow; a narrow page must not scroll sideways.
async function picture(page, name) {
  const size = page.viewportSize();
  const shot = (suffix) => page.screenshot({ path: join(screenshots, `${name}-${suffix}.png`), fullPage: true });
  await page.emulateMedia({ colorScheme: "light" });
  await shot("light");
  await page.emulateMedia({ colorScheme: "dark" });
  await shot("dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 390, height: 844 });
  await shot("narrow");
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await page.setViewportSize(size);
  return over;
}

// No barriers in light and dark, nothing too wide when narrow, nothing that failed; leaves pictures of it.
export async function isClean(page, name) {
  assert.deepEqual(await barriers(page), [], `${name}: barriers`);
  assert.equal(await picture(page, name), 0, `${name}: scrolls sideways when narrow`);
  await page.emulateMedia({ colorScheme: "dark" });
  assert.deepEqual(await barriers(page), [], `${name}: barriers in the dark`);
  await page.emulateMedia({ colorScheme: "light" });
  assert.deepEqual(page.faults, [], `${name}: faults`);
}
