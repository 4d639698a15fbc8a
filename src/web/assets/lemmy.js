// What a page does by itself: it keeps fresh without undoing what the reader did, ticks ages, and says when it may be old.
"use strict";

const body = document.body;
const main = document.getElementById("main");
const connection = document.getElementById("connection");

// --- Ages go on by themselves. ---

const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
function duration(seconds) {
  const first = units.findIndex(([name, size]) => seconds >= (name === "d" ? 2 * size : size));
  if (first < 0) return "0 s";
  const [unit, size] = units[first];
  const rest = units[first + 1];
  const more = rest ? Math.floor((seconds % size) / rest[1]) : 0;
  return `${Math.floor(seconds / size)} ${unit}` + (more ? ` ${more} ${rest[0]}` : "");
}
function tick(within) {
  for (const t of within.querySelectorAll("time[data-ago], time[data-age], time[data-in]")) {
    const seconds = Math.floor((Date.now() - Date.parse(t.dateTime)) / 1000);
    let text = duration(Math.abs(seconds));
    if ("in" in t.dataset) text = seconds < 0 ? `in ${text}` : "now";
    else if (seconds < 1) text = "1 s";
    if ("ago" in t.dataset) text += " ago";
    if (t.textContent !== text) t.textContent = text;
  }
}
setInterval(() => tick(document), 5000);

// --- Forms. ---

document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button")) setTimeout(() => (button.disabled = true));
});
// An update may put another button under the pointer that was about to press one: that is not what was meant.
let pointer = null, pressesAgain = 0;
const aimed = () => (pointer && document.elementFromPoint(...pointer)?.closest("form[id]")?.id) ?? null;
document.addEventListener("pointermove", (event) => {
  pointer = [event.clientX, event.clientY];
  pressesAgain = 0;
}, { passive: true });
document.addEventListener("click", (event) => {
  if (event.detail > 0 && performance.now() < pressesAgain && event.target.closest("form")) event.preventDefault();
}, true);
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
});

// Every form carries the session's token. Whoever signs in anew has a new one, also for pages that are open.
function use(token, within) {
  for (const input of within.querySelectorAll("input[name=csrf]")) input.value = token;
}
function signedInAs({ who, csrf }) {
  if (csrf === body.dataset.csrf) return;
  if (who !== body.dataset.who) return say("who", who === "anonymous" ? "You are signed out. Load the page again to sign in." : `You are ${who} now. Load the page again to see what you may do.`);
  say("who", "");
  body.dataset.csrf = csrf;
  use(csrf, document);
}
if (window.BroadcastChannel) {
  const others = new BroadcastChannel("lemmy");
  others.onmessage = ({ data }) => signedInAs(data);
  others.postMessage({ who: body.dataset.who, csrf: body.dataset.csrf });
}

// --- What the server says. ---

const old = "What you see may be old.";
const said = { stream: "", who: "", page: "" };
function say(of, text) {
  said[of] = text;
  const all = Object.values(said).filter(Boolean).join(" ");
  if (connection.textContent !== all) connection.textContent = all;
}

// What is put in place never closes what the reader opened, nor empties what they typed.
const gently = {
  beforeAttributeUpdated: (name, node) =>
    !(name === "open" && node.tagName === "DETAILS") &&
    !(name === "disabled" && node.tagName === "BUTTON") &&
    !(name === "value" && node.tagName === "INPUT" && node.type !== "hidden"),
};
function made(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  use(body.dataset.csrf, holder.content);
  tick(holder.content);
  return holder.content;
}
// The element with the id of `fresh` becomes as it is. False: there is none.
function become(fresh) {
  const now = document.getElementById(fresh.id);
  if (now) Idiomorph.morph(now, fresh, { morphStyle: "outerHTML", callbacks: gently });
  return now !== null;
}
function apply(change) {
  const before = aimed(), fits = put(change), after = aimed();
  if (after !== before && after) pressesAgain = performance.now() + 800;
  return fits;
}
// Gives false when the page is not what the server takes it for.
function put({ title, html, gone = [], set = [], put: moved = [] }) {
  if (title !== undefined) document.title = title;
  if (html !== undefined) {
    Idiomorph.morph(main, made(html), { morphStyle: "innerHTML", callbacks: gently });
    return true;
  }
  for (const id of gone) document.getElementById(id)?.remove();
  let fits = set.every((element) => become(made(element).firstElementChild));
  for (const [parent, after, element] of moved) {
    const fresh = made(element).firstElementChild;
    const into = document.getElementById(parent), before = after ? document.getElementById(after) : null;
    if (!into || (after && before?.parentNode !== into)) fits = false;
    else place(become(fresh) ? document.getElementById(fresh.id) : fresh, into, before ? before.nextSibling : into.firstChild);
  }
  return fits;
}
function place(element, into, next) {
  if (element === next) return;
  if (element.isConnected && into.moveBefore) return into.moveBefore(element, next);
  const active = document.activeElement;
  into.insertBefore(element, next);
  if (active !== document.activeElement && active.isConnected) active.focus({ preventScroll: true });
}

function follow(page) {
  const silence = 45_000;  // three of the server's beats
  let have = body.dataset.have, newest = have, heard = Date.now(), hub = null;

  const own = () => document.documentElement.dataset.stream === "own";
  const want = (lost = false) =>
    hub?.postMessage({ want: { page, have, csrf: body.dataset.csrf, visible: !document.hidden, lost } });

  function show(data) {
    newest = data.to;
    if (data.to === have) return;
    // It may be meant for another tab that shows the same page, but not for long.
    if (data.html === undefined && data.from !== have) return setTimeout(() => have !== newest && want(true), 2000);
    have = body.dataset.have = apply(data) ? data.to : "";
    if (!have) want();
  }

  function take({ name, data }) {
    if (name === "lost") {
      document.documentElement.dataset.live = "no";
      if (data.status === 401) return say("stream", "You are signed out. Load the page again to sign in.");
      if (data.status === 403) return say("stream", "You may not see this any more.");
      return say("stream", `The connection to Lemmy is lost; trying again. ${old} If this stays, load the page again.`);
    }
    heard = Date.now();
    if (name === "refused") return say("page", `This page is not kept fresh: ${data.what}.`);
    document.documentElement.dataset.live = "yes";
    say("stream", "");
    if (name === "hello") signedInAs(data);
    if (name === "main" || name === "patch") {
      say("page", "");
      show(data);
    }
  }

  function listen() {
    const script = document.getElementById("live-script").src;
    if (window.SharedWorker) {
      const worker = new SharedWorker(script, "lemmy");
      worker.onerror = () => hub === worker.port && alone();
      worker.port.onmessage = ({ data }) => take(data);
      hub = worker.port;
      document.documentElement.dataset.stream = "shared";
      want();
    } else alone();
  }
  // A stream of its own, which rests while nobody sees the page: so that the visible ones have a connection left.
  function alone() {
    const own = new Hub(), port = { postMessage: take };
    hub = { postMessage: (said) => own.take(port, said.want && document.hidden ? { bye: true } : said) };
    document.documentElement.dataset.stream = "own";
    want();
  }

  setInterval(() => {
    const silent = Date.now() - heard;
    if (silent < silence || (document.hidden && own())) return;
    if (document.documentElement.dataset.live === "yes")
      say("stream", `Nothing was heard from Lemmy for ${duration(Math.floor(silent / 1000))}; trying again. ${old}`);
    document.documentElement.dataset.live = "no";
    // Whoever held the stream for all tabs may be gone too.
    if (silent > 2 * silence && !own()) {
      hub.postMessage({ bye: true });
      listen();
    }
    hub.postMessage({ silent: true });
    want();
  }, 5000);
  setInterval(() => want(), 30_000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && own()) heard = Date.now();
    want();
  });
  window.addEventListener("pagehide", () => hub?.postMessage({ bye: true }));
  window.addEventListener("pageshow", ({ persisted }) => persisted && want());
  listen();
}
if (body.dataset.page && window.EventSource) follow(body.dataset.page);
