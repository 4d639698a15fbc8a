// One stream for all pages of this browser (HTTP/1.1 allows six connections to a host). As a SharedWorker it serves
// every tab; where there is none, a page makes a Hub of its own, and lets it rest while it is hidden.
"use strict";

class Hub {
  static mostPages = 40;  // the address has to pass proxies; those that were seen last
  static settle = 30;  // ms: pages come and go together
  // What a proxy has before all paths: this script is ROOT/assets/live.js.
  static root = new URL(self.document ? document.getElementById("live-script").src : self.location.href)
    .pathname.replace(/\/assets\/[^/]*$/, "");

  constructor() {
    this.ports = new Map();  // port -> what its page shows: {page, have, csrf, visible, at}
    this.source = null;
    this.carried = new Map();  // page -> Set of what pages have that the stream goes on from
    this.tries = 0;
    this.tokens = new Set();  // of the sessions that pages had
    this.live = false;  // the stream said hello
    setInterval(() => this.forget(), 60_000);
  }

  // A page says what it shows, each time that changes and every half minute.
  take(port, said) {
    if (said.bye) this.ports.delete(port);
    else if (said.want) {
      const { csrf } = said.want, anew = !this.tokens.has(csrf);
      if (this.live && !this.ports.has(port)) port.postMessage({ name: "hello", data: this.hello });
      this.ports.set(port, { ...said.want, at: Date.now() });
      this.tokens.add(csrf);
      // Somebody signed in, or out: the stream is of who they were.
      if (anew && this.hello && this.hello.csrf !== csrf) this.close();
      // It missed something: the stream goes on from what it has.
      if (said.want.lost) this.close();
    }
    if (said.silent && this.source && Date.now() - this.opened > 5_000) this.close();
    clearTimeout(this.plan);
    this.plan = setTimeout(() => this.check(), Hub.settle);
  }

  // Pages that crashed say nothing when they go.
  forget() {
    for (const [port, { at }] of this.ports) if (Date.now() - at > 300_000) this.ports.delete(port);
    this.check();
  }

  wanted() {
    const all = [...this.ports.values()].sort((a, b) => b.visible - a.visible || b.at - a.at);
    const once = new Map(all.map((w) => [w.page + "\n" + w.have, w]));
    return [...once.values()].slice(0, Hub.mostPages);
  }

  check() {
    const wanted = this.wanted();
    if (wanted.length === 0) return this.close();
    const carries = (w) => this.carried.get(w.page)?.has(w.have);
    // What nobody wants any more may stay until the next time.
    const pages = new Set(wanted.map((w) => w.page));
    const spare = [...this.carried.keys()].filter((page) => !pages.has(page)).length;
    if (this.source && wanted.every(carries) && spare < 3) return;
    if (!this.source && this.retry) return;  // the server is away: not sooner than planned
    this.open(wanted);
  }

  open(wanted) {
    this.close();
    const query = wanted.map((w) => `page=${encodeURIComponent(w.page).replaceAll("%2F", "/")}&have=${w.have}`);
    this.url = Hub.root + "/live?" + query.join("&");
    this.carried = new Map();
    for (const { page, have } of wanted) this.carried.set(page, (this.carried.get(page) ?? new Set()).add(have));
    this.opened = Date.now();
    const source = (this.source = new EventSource(this.url));
    for (const name of ["hello", "main", "patch", "beat", "refused", "again"])
      source.addEventListener(name, (event) => source === this.source && this.heard(name, JSON.parse(event.data)));
    source.onerror = () => source === this.source && this.failed();
  }

  close() {
    clearTimeout(this.retry);
    this.retry = null;
    this.source?.close();
    this.source = null;
    this.live = false;
  }

  heard(name, data) {
    if (name === "again") return this.close(), this.check();
    if (name === "hello") {
      this.hello = data;
      this.live = true;
      this.tries = 0;
    }
    if (data.to) {
      const had = this.carried.get(data.page);
      if (!had) return;
      had.delete(data.from);
      had.add(data.to);
      if (!data.from) had.clear(), had.add(data.to);
    }
    for (const [port, has] of this.ports) {
      if (data.page && data.page !== has.page) continue;
      if (data.to && (!data.from || data.from === has.have)) has.have = data.to;
      port.postMessage({ name, data });
    }
  }

  // EventSource would come again by itself, but with what pages had when it was opened.
  async failed() {
    this.close();
    this.tries++;
    const pause = Math.min(30_000, 500 * 2 ** this.tries) * (0.5 + Math.random() / 2);
    this.retry = setTimeout(() => {
      this.retry = null;
      this.check();
    }, pause);
    if (this.tries < 2) return;
    let status = 0;
    try {
      status = (await fetch(this.url, { method: "HEAD" })).status;
    } catch {
      // it is away
    }
    if (!this.live)
      for (const port of this.ports.keys()) port.postMessage({ name: "lost", data: { status } });
  }
}

if (typeof SharedWorkerGlobalScope !== "undefined") {
  const hub = new Hub();
  self.onconnect = ({ ports: [port] }) => {
    port.onmessage = ({ data }) => hub.take(port, data);
  };
}
