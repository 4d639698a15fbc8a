// Pages that are open while somebody signs out and in again, and while rights are taken away.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { announce, launch, openPage, sampleConfig, startServer } from "./harness.mjs";

const sha = "1111111aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const password = "correct horse battery";
const project = "/projects/hello-world";
const lemmy = process.env.LEMMY ?? resolve("../../build/lemmy");
let folder, server, browser;

function cli(...args) {
  const done = spawnSync(lemmy, [...args, "--config", folder], { input: `${password}\n`, encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.trim();
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "lemmy-session-"));
  cpSync(sampleConfig, folder, { recursive: true });
  server = await startServer({ config: folder });
  await announce(server.url, "hello-world", sha);  // before anybody must sign in
  for (const name of ["dora", "dan"]) cli("user", "add", name, "--role", "deployer");
  for (let i = 0; i < 100 && (await fetch(server.url, { redirect: "manual" })).status !== 303; ++i)
    await new Promise((done) => setTimeout(done, 100));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function signIn(page, name) {
  await page.goto(`${server.url}/login?next=${project}`);
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`**${project}`);
  await page.waitForFunction(() => document.documentElement.dataset.live === "yes");
}
async function twoTabs() {
  const page = await openPage(browser, server.url);
  await signIn(page, "dora");
  const other = await page.context().newPage();
  await other.goto(server.url + project);
  return [page, other];
}

test("after a new log-in in another tab the buttons of an open page work", async () => {
  const [page, other] = await twoTabs();
  const token = await page.evaluate(() => document.body.dataset.csrf);
  await other.getByRole("button", { name: "Sign out" }).click();
  await other.waitForURL("**/login**");
  await page.getByText("You are signed out").waitFor();
  await signIn(other, "dora");
  await page.waitForFunction((was) => document.body.dataset.csrf !== was, token);
  assert.equal(await page.locator("#connection").textContent(), "");
  await page.locator(`#build-${sha}`).getByRole("button", { name: "to staging" }).click();
  await page.waitForURL("**/deploys/1");
  await page.locator("#phase").filter({ hasText: "Live" }).waitFor();
  await page.context().close();
});

test("a page that was opened by somebody else says who acts now", async () => {
  const [page, other] = await twoTabs();
  await other.getByRole("button", { name: "Sign out" }).click();
  await signIn(other, "dan");
  await page.getByText("You are dan now. Load the page again").waitFor();
  await page.context().close();
});

test("when the user behind an open page is removed it says so, and shows nothing new", async () => {
  const page = await openPage(browser, server.url);
  await signIn(page, "dan");
  cli("user", "remove", "dan");
  await page.getByText("You are signed out. Load the page again to sign in.").waitFor();
  assert.equal((await page.goto(server.url + project)).status(), 200);
  assert.match(page.url(), /\/login/);
  await page.context().close();
});

test("under a path of somebody else's host pages are live, and forms lead on", async () => {
  cli("user", "add", "eve", "--role", "deployer");
  appendFileSync(join(folder, "access.yaml"), `public_url: ${server.url}/lemmy\n`);
  const page = await openPage(browser, server.url);
  for (let i = 0; i < 100 && !(await (await fetch(`${server.url}/login`)).text()).includes('action="/lemmy'); ++i)
    await new Promise((done) => setTimeout(done, 100));
  await page.goto(`${server.url}/lemmy/login?next=${project}`);
  await page.getByLabel("Name").fill("eve");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`**/lemmy${project}`);
  await page.waitForFunction(() => document.documentElement.dataset.live === "yes");
  const asked = page.waitForRequest((request) => request.url().includes("/live?"), { timeout: 5000 }).catch(() => null);
  await page.getByRole("link", { name: "What runs where" }).first().click();
  await page.waitForURL("**/lemmy/");
  await page.waitForFunction(() => document.documentElement.dataset.live === "yes");
  const request = await asked;
  if (request) assert.match(new URL(request.url()).pathname, /^\/lemmy\/live$/);  // a SharedWorker's are not seen
  assert.deepEqual(page.faults, []);
  await page.context().close();
});
