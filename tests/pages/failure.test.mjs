// The explanation of a failed deploy and the preview of a roll back in Chromium: node --test
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { announce, isClean, launch, openPage, sampleConfig, startServer } from "./harness.mjs";

const good = "1111111aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const bad = "2222222bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const commit = (sha) => `https://git.example.com/hello/commit/${sha}`;
const deploys = "/projects/hello-world/environments/staging/deploys";
let folder, server, browser, page;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "lemmy-failure-"));
  cpSync(sampleConfig, folder, { recursive: true });
  server = await startServer({ config: folder });
  browser = await launch();
  page = await openPage(browser, server.url);
  for (const sha of [good, bad]) await announce(server.url, "hello-world", sha, `Change ${sha[0]}`, { url: commit(sha) });
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const phase = (text) => page.locator("#phase").filter({ hasText: text }).waitFor();
async function deploy(sha) {
  await page.goto(`${server.url}/projects/hello-world`);
  await page.locator(`#build-${sha}`).getByRole("button", { name: "to staging" }).click();
}
const revision = async () => (await (await fetch(server.url)).text()).match(/configuration ([0-9a-f]{12})/)[1];

test("a failed deploy puts its cause beside what differs from the last good one", async () => {
  await deploy(good);
  await phase("Live");
  await page.goto(`${server.url}/deliveries`);  // streams of pages end when the configuration changes
  const was = await revision();
  const file = join(folder, "projects/hello-world/template.json.j2");
  const notes = { "lemmy.test/behaviour": "crash-loop", "lemmy.test/exit-code": "7", "lemmy.test/logs": "begin\nno such database" };
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace("{", `{"annotations": ${JSON.stringify(notes)},`));
  for (let i = 0; i < 100 && (await revision()) === was; ++i) await new Promise((done) => setTimeout(done, 200));
  await deploy(bad);
  await phase("Failed");
  const cause = page.locator(".cause");
  await cause.getByRole("heading", { name: /^2 of 2 pods: container app: CrashLoopBackOff, exit code 7/ }).waitFor();
  assert.match(await cause.locator("pre").first().innerText(), /no such database/);
  await cause.getByRole("heading", { name: "What differs from the last good deploy, #1" }).waitFor();
  await cause.getByText(/^The build \(1111111 -> 2222222\) and 3 fields of the configuration differ$/).waitFor();
  const field = cause.locator("#since-fields tr").filter({ hasText: "lemmy.test/behaviour" });
  assert.match(await field.innerText(), /crash-loop[^]*projects\/hello-world\/template\.json\.j2:1/);
  const compare = cause.getByRole("link", { name: "compare them" });
  assert.equal(await compare.getAttribute("href"), `https://git.example.com/hello/compare/${good}...${bad}`);
  await isClean(page, "failure");
});

test("it is still there when its pods are gone", async () => {
  await page.locator(".state").getByRole("button", { name: "Delete" }).click();
  await page.getByText("None: it was deleted from the cluster").waitFor();
  await page.reload();
  assert.match(await page.locator(".cause pre").first().innerText(), /no such database/);
});

test("a roll back says before it is confirmed what would change", async () => {
  await page.goto(`${server.url}/deliveries`);
  writeFileSync(join(folder, "projects/hello-world/template.json.j2"),
    readFileSync(join(sampleConfig, "projects/hello-world/template.json.j2")));
  const was = await revision();
  for (let i = 0; i < 50 && (await revision()) === was; ++i) await new Promise((done) => setTimeout(done, 200));
  await deploy(bad);
  await page.waitForURL(`**${deploys}/3`);
  await phase("Live");
  await page.locator("#deploy-1").getByRole("button", { name: "Roll back" }).click();
  await page.getByRole("heading", { name: "Roll back to #1" }).waitFor();
  await page.getByText("The build (2222222 -> 1111111) differs").waitFor();
  await page.getByText(/^Capacity: it starts with 2 pods; 2 are ready now/).waitFor();
  await page.getByText("Image of app: another reference.").waitFor();
  await isClean(page, "preview");
});
