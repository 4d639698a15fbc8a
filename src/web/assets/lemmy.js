// Small things around htmx: what a fresh fragment must not undo, ages that go on, one click one request.
"use strict";

// A fragment never closes what the reader opened, nor empties what they typed.
if (window.Idiomorph) {
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
    !(name === "open" && node.tagName === "DETAILS") &&
    !(name === "value" && node.tagName === "INPUT" && node.type !== "hidden");
}

const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
function duration(seconds) {
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  const [unit, size] = units[first];
  const rest = units[first + 1];
  const more = rest ? Math.floor((seconds % size) / rest[1]) : 0;
  return `${Math.floor(seconds / size)} ${unit}` + (more ? ` ${more} ${rest[0]}` : "");
}
function tick() {
  for (const t of document.querySelectorAll("time[data-ago]")) {
    const seconds = Math.floor((Date.now() - Date.parse(t.dateTime)) / 1000);
    if (seconds >= 0) t.textContent = duration(seconds) + " ago";
  }
}
setInterval(tick, 5000);

document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button")) setTimeout(() => (button.disabled = true));
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
});

// Streams end with their page, not with an error while the next one loads.
if (window.htmx) {
  const sources = [];
  htmx.createEventSource = (url) => {
    const source = new EventSource(url);
    sources.push(source);
    return source;
  };
  window.addEventListener("beforeunload", () => sources.splice(0).forEach((source) => source.close()));
}

const connection = document.getElementById("connection");
document.addEventListener("htmx:sseOpen", () => {
  connection.textContent = "";
  document.documentElement.dataset.live = "yes";
});
document.addEventListener("htmx:sseError", () => {
  connection.textContent = "The connection to Lemmy is lost; trying again. What you see may be old. If this stays, load the page again.";
  document.documentElement.dataset.live = "no";
});
