// Releases to pods and hosts together, and dry runs, in Chromium.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { announce, hasAnsible, isClean, launch, openPage, startServer } from "./harness.mjs";

const first = "1111111aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const second = "2222222bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const hosts = { skip: hasAnsible ? false : "there is no Ansible" };
let server, browser, page;

before(async () => {
  server = await startServer();
  browser = await launch();
  page = await openPage(browser, server.url);
  await announce(server.url, "shop", first, "The first change");
  await announce(server.url, "shop", second, "The second change");
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const phase = (on, text) => on.locator("#phase").filter({ hasText: text }).waitFor();
const onHost = (name) => readFileSync(join(server.data, `${name}.conf`), "utf8");
const clean = (name) => isClean(page, name);
async function reloadUntil(plain, text) {
  for (let i = 0; i < 60 && !(await plain.locator("#phase").innerText()).includes(text); ++i) {
    await new Promise((done) => setTimeout(done, 500));
    await plain.reload();
  }
  assert.match(await plain.locator("#phase").innerText(), new RegExp(text));
}

test("one form releases a build to pods and hosts, without JavaScript too", hosts, async () => {
  const plain = await openPage(browser, server.url, { javaScriptEnabled: false });
  await plain.goto(`${server.url}/projects/shop`);
  await plain.locator(`#build-${first}`).getByRole("link", { name: "Release to several" }).click();
  await plain.getByLabel(/staging on pods/).check();
  await plain.getByLabel(/hosts on hosts/).check();
  await plain.getByLabel(/Reason/).fill("the first");
  await plain.getByRole("button", { name: "to these" }).click();
  await plain.waitForURL("**/projects/shop/releases/*");
  await reloadUntil(plain, "Live everywhere");
  assert.match(onHost("shop-2"), new RegExp(first));
  await plain.context().close();
});

test("a dry run shows on its page what a deploy would change on each host, and changes nothing", hosts, async () => {
  await page.goto(`${server.url}/projects/shop`);
  await clean("project-pods-and-hosts");
  await page.locator(`#build-${second}`).getByRole("button", { name: "Dry run" }).click();
  await page.waitForURL("**/dry-runs/*");
  await phase(page, "Nothing speaks against it");
  for (const name of ["shop-1", "shop-2"]) {
    await page.locator(`#host-${name} .new`).filter({ hasText: `+build: ${second}` }).waitFor();
    await page.locator(`#host-${name} .gone`).filter({ hasText: `-build: ${first}` }).waitFor();
    assert.match(onHost(name), new RegExp(first));
  }
  await clean("dry-run");
});

test("a release is followed live on its page, side by side", hosts, async () => {
  await page.goto(`${server.url}/projects/shop`);
  await page.locator(`#build-${second}`).getByRole("link", { name: "Release to several" }).click();
  await page.getByLabel(/staging on pods/).check();
  await page.getByLabel(/hosts on hosts/).check();
  await clean("release-form");
  await page.getByRole("button", { name: "to these" }).click();
  await page.waitForURL("**/projects/shop/releases/*");
  await page.evaluate(() => (window.stillTheSame = true));
  await phase(page, "Live everywhere");
  assert.equal(await page.evaluate(() => window.stillTheSame), true);
  await page.locator("#in-staging").getByText("2/2 pods ready, serving").waitFor();
  await page.locator("#in-hosts").getByText("2/2 hosts, serving").waitFor();
  assert.match(onHost("shop-1"), new RegExp(second));
  await clean("release");
});

test("a release is rolled back in all its environments together, after a question", hosts, async () => {
  await page.getByRole("button", { name: "Roll back together" }).click();
  await page.getByRole("heading", { name: /^Roll back release/ }).waitFor();
  await page.getByText(/^hosts: back to #1 from #2 of build/).waitFor();
  await clean("confirm-release-rollback");
  await page.getByRole("button", { name: "Roll back together" }).click();
  await page.waitForURL("**/projects/shop/releases/*");
  await phase(page, "Live everywhere");
  await page.getByText("a roll back").waitFor();
  assert.match(onHost("shop-1"), new RegExp(first));
});

test("the first page shows pods and hosts of one project side by side", hosts, async () => {
  await page.goto(server.url);
  const row = page.locator("#row-shop");
  await row.getByText("2 of 2 pods ready").waitFor();
  await row.getByText("on 2 of 2 hosts").waitFor();
  await clean("home-pods-and-hosts");
});

test("before a protected environment is deployed to, a dry run is offered", async () => {
  await announce(server.url, "hello-world", first);
  await page.goto(`${server.url}/projects/hello-world`);
  await page.locator(`#build-${first}`).getByRole("button", { name: "to production" }).click();
  await page.getByRole("button", { name: "Dry run first" }).click();
  await phase(page, "Nothing speaks against it");
  await page.getByText("ReplicationController").waitFor();
  await clean("dry-run-pods");
});

test("a host that asks is shown with what it got, and can be run again", hosts, async () => {
  const ask = (id) => fetch(`${server.url}/hooks/instance`, {
    method: "POST", body: new URLSearchParams({ project: "shop", environment: "hosts", instance_id: id }) });
  await page.goto(`${server.url}/instances?project=shop&environment=hosts`);
  await page.getByText("No host of it has asked yet").waitFor();
  assert.equal((await ask("shop-1")).status, 202);
  assert.equal((await ask("i-nowhere")).status, 202);
  await page.getByText("shop-1 has build").waitFor({ timeout: 60_000 });
  await page.getByText("not in the inventory; next try").waitFor();
  await clean("instances");
  const row = page.locator("#instance-shop__hosts__shop-1");
  await row.getByRole("button", { name: "Run again" }).click();
  await row.getByText("2 times").waitFor();
  await page.getByText("shop-1 has build").waitFor({ timeout: 60_000 });
});
