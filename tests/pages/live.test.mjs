// How pages keep themselves fresh, in Chromium: many tabs on one stream, what the reader did stays, connections that go.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { announce, launch, openPage, startServer, until, viewers } from "./harness.mjs";

const sha = (n) => n.toString(16).padStart(7, "0") + "a".repeat(33);
const project = "/projects/hello-world";
let server, browser;

before(async () => {
  server = await startServer();
  browser = await launch();
  for (let n = 1; n <= 12; ++n) await announce(server.url, "hello-world", sha(n), `Change ${n}`);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const isLive = (page) => page.waitForFunction(() => document.documentElement.dataset.live === "yes");
const build = (page, n) => page.locator(`#build-${sha(n)}`);
async function open(path = project, options = {}) {
  const page = await openPage(browser, server.url, options);
  await page.goto(server.url + path);
  await isLive(page);
  return page;
}
const none = () => until(async () => (await viewers(server.url)) === 0, "a stream goes on without a page");

test("twenty tabs of one browser are live on one stream, and each loads and acts at once", async () => {
  await none();
  const first = await open();
  const tabs = [first];
  const paths = [project, "/", "/instances", "/projects/crasher", "/projects/shop", "/?search=hello"];
  for (let i = 1; i < 20; ++i) {
    const tab = await first.context().newPage();
    tab.setDefaultTimeout(30_000);
    await tab.goto(server.url + (i % 2 ? project : paths[i / 2 % paths.length]));
    await isLive(tab);
    tabs.push(tab);
  }
  await until(async () => (await viewers(server.url)) === 1, "the tabs have more than one stream");
  await announce(server.url, "hello-world", sha(20));
  for (const tab of tabs) if (tab.url() === server.url + project) await build(tab, 20).waitFor();
  await tabs[19].goto(server.url + project);
  await build(tabs[19], 20).getByRole("button", { name: "to staging" }).click();
  await tabs[19].locator("#phase").filter({ hasText: "Live" }).waitFor();
  await tabs[2].locator("#at-hello-world__staging").getByText("2 of 2 pods ready").waitFor();
  assert.equal(await viewers(server.url), 1);
  assert.deepEqual(first.faults, []);
  await first.context().close();
  await none();
});

test("a tab that was opened later and one that was loaded again show the same as the others", async () => {
  const first = await open();
  const second = await first.context().newPage();
  await second.goto(server.url + project);
  await announce(server.url, "hello-world", sha(30));
  for (const tab of [first, second]) await build(tab, 30).waitFor();
  await second.goto(`${server.url}/`);
  await announce(server.url, "hello-world", sha(31));
  await build(first, 31).waitFor();
  await second.goBack();
  await build(second, 31).waitFor();
  await announce(server.url, "hello-world", sha(32));
  for (const tab of [first, second]) await build(tab, 32).waitFor();
  for (const tab of [first, second])
    await until(async () => (await tab.evaluate(() => document.body.dataset.have)) ===
      (await (await fetch(server.url + project)).text()).match(/data-have="(\w+)"/)[1], "a tab shows something else");
  await first.context().close();
});

test("without a SharedWorker each page has a stream of its own, which rests while it is hidden", async () => {
  await none();
  const page = await openPage(browser, server.url);
  await page.addInitScript(() => {
    delete window.SharedWorker;
    let hidden = false;
    Object.defineProperty(document, "hidden", { get: () => hidden });
    window.hide = (is) => {
      hidden = is;
      document.dispatchEvent(new Event("visibilitychange"));
    };
  });
  await page.goto(server.url + project);
  await isLive(page);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.stream), "own");
  await announce(server.url, "hello-world", sha(40));
  await build(page, 40).waitFor();
  await page.evaluate(() => window.hide(true));
  await none();
  await announce(server.url, "hello-world", sha(41));
  await page.evaluate(() => window.hide(false));
  await build(page, 41).waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("focus, selection and the place on the page stay while rows come and change", async () => {
  const page = await open(`${project}?search=x`, { viewport: { width: 1280, height: 400 } });
  const last = build(page, 20);
  await last.scrollIntoViewIfNeeded();
  await last.getByRole("button", { name: "to staging" }).focus();
  await page.evaluate((id) => {
    const range = document.createRange();
    range.selectNodeContents(document.querySelector(`#${id} .message`));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    window.stillTheSame = document.getElementById(id);
  }, `build-${sha(20)}`);
  const top = () => last.evaluate((e) => Math.round(e.getBoundingClientRect().top));
  const before = await top();
  for (const n of [50, 51, 52]) {
    await announce(server.url, "hello-world", sha(n), `Change ${n}`);
    await build(page, n).waitFor();
  }
  assert.equal(await page.evaluate(() => document.activeElement.closest("tr").id), `build-${sha(20)}`);
  assert.equal(await page.evaluate(() => getSelection().toString()), "A change");
  assert.equal(await page.evaluate((id) => window.stillTheSame === document.getElementById(id), `build-${sha(20)}`), true);
  assert.ok(Math.abs((await top()) - before) < 3, `it moved from ${before} to ${await top()}`);
  await page.context().close();
});

test("what is typed into a field of a page that changes stays, and so does its cursor", async () => {
  const page = await open("/?search=hello");
  const field = page.getByLabel("Projects whose name has");
  await field.fill("shop and more");
  await field.evaluate((e) => e.setSelectionRange(2, 6));
  const other = await openPage(browser, server.url);
  await other.goto(server.url + project);
  const seen = await page.evaluate(() => document.body.dataset.have);
  await build(other, 52).getByRole("button", { name: "to staging" }).click();
  await page.waitForFunction((was) => document.body.dataset.have !== was, seen);
  assert.equal(await field.inputValue(), "shop and more");
  assert.deepEqual(await field.evaluate((e) => [document.activeElement === e, e.selectionStart, e.selectionEnd]), [true, 2, 6]);
  await other.locator("#phase").filter({ hasText: "Live" }).waitFor();
  for (const p of [page, other]) await p.context().close();
});

test("ages go on by themselves and nothing else of a page at rest is touched", async () => {
  const page = await open();
  await until(async () => {
    const was = await page.locator("main").innerHTML();
    await page.waitForTimeout(1500);
    return was.replace(/<time.*?<\/time>/g, "") === (await page.locator("main").innerHTML()).replace(/<time.*?<\/time>/g, "");
  }, "the page never rests", 20);
  await page.evaluate(() => {
    window.touched = [];
    new MutationObserver((all) => window.touched.push(...all.map((m) => m.target.nodeName + (m.target.closest?.("time") ? "" : "!"))))
      .observe(document.getElementById("main"), { subtree: true, childList: true, attributes: true });
    window.ages = [...document.querySelectorAll("main time")].map((t) => t.textContent).join();
  });
  await page.waitForFunction(() => [...document.querySelectorAll("main time")].map((t) => t.textContent).join() !== window.ages);
  assert.deepEqual(await page.evaluate(() => window.touched.filter((t) => t.endsWith("!"))), []);
  await page.context().close();
});

test("a page that hears nothing for 45 s says so, and is fresh again as soon as the server answers", async () => {
  const page = await openPage(browser, server.url);
  await page.clock.install();
  await page.goto(server.url + project);
  await page.clock.runFor(500);
  await isLive(page);
  server.signal("SIGSTOP");  // the connection stands, and nobody answers
  try {
    await page.clock.fastForward(20_000);
    await page.clock.runFor(6_000);
    assert.equal(await page.locator("#connection").textContent(), "");
    await page.clock.fastForward(25_000);
    await page.clock.runFor(6_000);
    await page.getByText(/Nothing was heard from Lemmy for \d+ s; trying again/).waitFor();
  } finally {
    server.signal("SIGCONT");
  }
  await announce(server.url, "hello-world", sha(60));
  await page.clock.runFor(6_000);
  await build(page, 60).waitFor();
  await until(async () => {
    await page.clock.runFor(1_000);
    return (await page.locator("#connection").textContent()) === "";
  }, "it still says that nothing was heard");
  await page.context().close();
});

test("a page of something that is gone says so", async () => {
  const page = await open();
  await build(page, 12).getByRole("button", { name: "to production" }).click();
  await page.getByRole("button", { name: "Dry run first" }).click();
  await page.locator("#phase").filter({ hasText: "Nothing speaks against it" }).waitFor();
  const { url, data } = server;
  await server.stop({ keep: true });
  server = await startServer({ port: new URL(url).port, data });  // it remembers no dry runs
  await page.getByText("This page is not kept fresh").waitFor();
  await page.context().close();
});
