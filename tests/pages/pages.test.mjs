// The pages in Chromium, against a playground: node --test
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { announce, isClean, launch, openPage, startServer } from "./harness.mjs";

const first = "1111111aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const second = "2222222bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const staging = "/projects/hello-world/environments/staging/deploys";
let server, browser, page;

before(async () => {
  server = await startServer();
  browser = await launch();
  page = await openPage(browser, server.url);
  await announce(server.url, "hello-world", first, "The first change");
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const phase = (text) => page.locator("#phase").filter({ hasText: text }).waitFor();
const row = (number) => page.locator(`#deploy-${number}`);
const press = (scope, name) => scope.getByRole("button", { name, exact: false }).first().click();
const clean = (name) => isClean(page, name);
async function deploy(sha, environment) {
  await page.goto(`${server.url}/projects/hello-world`);
  await page.locator(`#build-${sha}`).getByRole("button", { name: `to ${environment}` }).click();
}

test("the first page says what runs where, and that it is simulated", async () => {
  await page.goto(server.url);
  await page.getByRole("heading", { name: "What runs where" }).waitFor();
  await page.getByText("no pod here runs for real").waitFor();
  await page.getByRole("columnheader", { name: "staging" }).waitFor();
  await page.getByRole("link", { name: "hello-world" }).waitFor();
});

test("the first press of Tab offers to skip to the content", async () => {
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
});

test("a build that is announced appears on the open project page by itself", async () => {
  await page.getByRole("link", { name: "hello-world" }).click();
  await page.locator(`#build-${first}`).waitFor();
  await announce(server.url, "hello-world", second, "The second <b>change</b>");
  await page.locator(`#build-${second}`).getByText("The second <b>change</b>").waitFor();
  await clean("project");
});

test("one click deploys, and the status page follows it to Live without being loaded again", async () => {
  await page.locator(`#build-${first}`).getByRole("button", { name: "to staging" }).click();
  await page.waitForURL(`**${staging}/1`);
  await page.evaluate(() => (window.stillTheSame = true));
  await phase("Live");
  assert.equal(await page.evaluate(() => window.stillTheSame), true);
  assert.equal(await page.locator("tr[id^=pod-]").count(), 2);
  assert.match(await page.title(), /^Live: hello-world #1 in staging/);
  await page.getByText("serving, 2/2 ready").waitFor();
  await clean("live");
});

test("a log can be read", async () => {
  await page.locator("tr[id^=pod-]").first().getByRole("link", { name: /^app/ }).click();
  await page.getByRole("heading", { name: /^Log of app/ }).waitFor();
  await clean("log");
});

test("the manifests that were sent can be read", async () => {
  await page.goto(`${server.url}${staging}/1/manifests`);
  await page.getByText('"ReplicationController"').first().waitFor();
  await page.getByText(/^ReplicationController: \d+ fields$/).click();
  await page.getByText("stamped by Lemmy: labels").first().waitFor();
  await clean("manifests");
});

test("the next deploy leaves the one before it running; that one is zeroed and restored from its page", async () => {
  await deploy(second, "staging");
  await page.waitForURL(`**${staging}/2`);
  await phase("Live");
  await press(row(1), "Zero");
  await row(1).getByText("zeroed").waitFor();
  await press(row(1), "Restore");
  await page.getByRole("heading", { name: /^Restore #1/ }).waitFor();
  await page.getByText("#2 goes on answering beside it").waitFor();
  await clean("confirm-restore");
  await page.getByRole("button", { name: "Restore #1" }).click();
  await row(1).getByText(/2\/2 ready/).waitFor();
});

test("the one that serves is zeroed only after a question", async () => {
  const serving = await row(1).getByText("serving").count();
  await page.goto(`${server.url}${staging}/${serving ? 1 : 2}`);
  await press(page.locator(".state"), "Zero");
  await page.getByRole("heading", { name: /^Zero #/ }).waitFor();
  await clean("confirm-zero");
  await page.getByRole("link", { name: "Do nothing" }).click();
  await page.getByText(/^serving, 2\/2 ready/).first().waitFor();
});

test("a deploy is deleted, and rolled back to after a preview of what differs", async () => {
  const serving = page.url().endsWith("/1") ? 1 : 2;
  const other = 3 - serving;
  await press(row(other), "Delete");
  await row(other).getByText("deleted").waitFor();
  await press(row(other), "Roll back");
  await page.getByRole("heading", { name: `Roll back to #${other}` }).waitFor();
  await page.locator("#fields tr.changed").first().waitFor();
  await page.getByText(/^Capacity: it starts with 2 pods/).waitFor();
  await clean("confirm-rollback");
  await page.getByLabel(/Reason/).fill("it was better");
  await press(page, "Roll back to");
  await page.waitForURL(`**${staging}/3`);
  await page.getByText("it was better").first().waitFor();
  await phase("Live");
});

test("a protected environment asks first", async () => {
  await deploy(second, "production");
  await page.getByRole("heading", { name: "Deploy hello-world to production?" }).waitFor();
  await clean("confirm-deploy");
  await page.getByLabel(/Reason/).fill("because it is Friday");
  await press(page, "to production");
  await page.waitForURL("**/production/deploys/1");
  await phase("Live");
  await page.getByText("Autoscaler: 2 to 6 pods").waitFor();
});

test("a crash loop is explained with exit code, hint and log", async () => {
  await announce(server.url, "crasher", first);
  await page.goto(`${server.url}/projects/crasher`);
  await press(page.locator(`#build-${first}`), "to staging");
  await phase("Failed");
  const cause = page.locator(".cause");
  await cause.getByText("CrashLoopBackOff").first().waitFor();
  assert.match(await cause.innerText(), /Exit code\s+3/);
  assert.ok((await cause.locator("pre").first().innerText()).length > 0);
  await clean("failed");
});

test("what the reader opened stays open, and the focus stays, while the page changes", async () => {
  const events = page.locator("#cause-events");
  await events.locator("summary").click();
  await page.evaluate(() => (window.stillTheSame = true));
  const other = await openPage(browser, server.url);
  await other.goto(`${server.url}/projects/crasher`);
  await press(other.locator(`#build-${first}`), "to staging");
  await row(2).waitFor();
  assert.equal(await events.evaluate((e) => e.open), true);
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "SUMMARY");
  assert.equal(await page.evaluate(() => window.stillTheSame), true);
  await other.context().close();
});

test("the first page has no barriers once it is full", async () => {
  await page.goto(server.url);
  await page.getByText("2 of 2 pods ready").first().waitFor();
  await page.locator("#row-crasher .mark.bad").first().waitFor();
  await clean("home");
});

test("projects are found by a part of their name", async () => {
  await page.goto(`${server.url}/?search=llo-wor`);
  await page.locator("#row-hello-world").waitFor();
  assert.equal(await page.locator("tr[id^=row-]").count(), 1);
  await clean("found");
  await page.getByLabel("Projects whose name has").fill("no such");
  await press(page, "Find");
  await page.getByText("No project whose name has “no such”").waitFor();
  await page.getByRole("link", { name: "All projects" }).click();
  await page.waitForURL(`${server.url}/`);
  await page.locator("#row-hello-world").waitFor();
});

test("every hook call stands in the ledger", async () => {
  await page.goto(`${server.url}/deliveries`);
  await page.getByText("accepted").first().waitFor();
  await clean("deliveries");
});

test("the store says how much is kept", async () => {
  await page.goto(`${server.url}/store`);
  await page.waitForTimeout(1000); // measured once somebody looked
  await page.reload();
  await page.getByText("deliveries").first().waitFor();
  await page.getByText("lemmy.db.archive").waitFor();
  await clean("store");
});

test("an address that does not exist leads back", async () => {
  await page.goto(`${server.url}/projects/never-heard-of-it`);
  await page.getByText("there is no project").waitFor();
  page.faults = page.faults.filter((f) => !f.includes("404"));
  await clean("error");
});

test("everything works without JavaScript", async () => {
  const plain = await openPage(browser, server.url, { javaScriptEnabled: false });
  await plain.goto(`${server.url}/projects/hello-world`);
  await plain.locator(`#build-${first}`).getByRole("button", { name: "to production" }).click();
  await plain.getByRole("button", { name: "to production" }).click();
  await plain.waitForURL("**/production/deploys/2");
  for (let i = 0; i < 60 && !(await plain.locator("#phase").innerText()).includes("Live"); ++i) {
    await new Promise((done) => setTimeout(done, 500));
    await plain.reload();
  }
  assert.match(await plain.locator("#phase").innerText(), /Live/);
  await plain.locator("#deploy-1").getByRole("button", { name: "Delete" }).click();
  for (let i = 0; i < 40 && !(await plain.locator("#deploy-1").innerText()).includes("deleted"); ++i) {
    await new Promise((done) => setTimeout(done, 250));
    await plain.reload();
  }
  assert.match(await plain.locator("#deploy-1").innerText(), /deleted/);
  await plain.context().close();
});

test("a button never becomes another one under the focus or the pointer", async () => {
  await announce(server.url, "hello-world", "c0ffee1" + "0".repeat(33), "Another change");
  await page.goto(`${server.url}/projects/hello-world`);
  await page.getByRole("button", { name: "c0ffee1 to staging" }).click();
  await page.getByRole("button", { name: "Cancel" }).focus();
  await phase("Live");
  assert.equal(await page.evaluate(() => document.activeElement.closest("form")?.id), undefined);
  // The same with the pointer: what was put there meanwhile takes no press before it was moved.
  const pressed = await page.evaluate(() => {
    const form = document.querySelector("form[id^=act]"), box = form.getBoundingClientRect();
    document.dispatchEvent(new PointerEvent("pointermove", { clientX: box.x + 5, clientY: box.y + 5 }));
    const other = form.outerHTML.replace(/act-[^"]*/, "act-another");
    const done = [];
    form.parentNode.addEventListener("submit", (e) => (e.preventDefault(), done.push(e.target.id)));
    const press = () => document.querySelector("#act-another button").dispatchEvent(
      new MouseEvent("click", { bubbles: true, cancelable: true, detail: 1 }));
    apply({ gone: [form.id], put: [[form.parentNode.id || (form.parentNode.id = "here"), "", other]] });
    press();
    const atOnce = done.length;
    document.dispatchEvent(new PointerEvent("pointermove", { clientX: box.x + 6, clientY: box.y + 5 }));
    press();
    return [atOnce, done.length];
  });
  assert.deepEqual(pressed, [0, 1]);
  await page.goto(`${server.url}/projects/hello-world`);
});

test("a page says when the server is gone, and goes on by itself when it is back", async () => {
  await page.goto(server.url);
  await page.waitForFunction(() => document.documentElement.dataset.live === "yes");
  const { url, data } = server;
  await server.stop({ keep: true });
  await page.getByText("The connection to Lemmy is lost").waitFor();
  server = await startServer({ port: new URL(url).port, data });
  await page.waitForFunction(() => document.getElementById("connection").textContent === "");
  await announce(server.url, "hello-new", first);
  page.faults = [];
});
