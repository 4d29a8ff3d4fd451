// Keeps an open page up to date. Without it the page is the same, as of when it was loaded.
const EVERY = 15_000;
const bar = document.querySelector("[data-renewing]");

function isInUse(part) {
  const selected = getSelection();
  const isSelected = selected && !selected.isCollapsed && selected.containsNode(part, true);
  return isSelected || part.contains(document.activeElement) || document.querySelector("dialog[open]") !== null;
}

function keepOpen(from, to) {
  for (const open of from.querySelectorAll("details[open][id]")) {
    to.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
  }
}

function replaceChanged(renewed) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const newer = renewed.getElementById(part.id);
    if (!newer || isInUse(part)) continue;
    keepOpen(part, newer);
    if (!part.isEqualNode(newer)) part.replaceWith(document.adoptNode(newer));
  }
}

function summarise(renewed) {
  const said = document.querySelector("[data-summary]");
  const summary = renewed.querySelector("[data-summary]")?.dataset.summary;
  if (!summary || summary === said.dataset.summary) return;
  said.dataset.summary = summary;
  said.textContent = summary;
}

async function renew() {
  const response = await fetch(location.href, { headers: { "lahete-renewal": "1" }, cache: "no-store" });
  if (response.redirected) return stop(bar.dataset.ended);
  if (!response.ok) return say(bar.dataset.failed);
  const renewed = new DOMParser().parseFromString(await response.text(), "text/html");
  replaceChanged(renewed);
  summarise(renewed);
  say("");
}

let timer = null;
let isPaused = false;

function say(text) {
  bar.querySelector("[data-said]").textContent = text;
}

function stop(text) {
  isPaused = true;
  clearInterval(timer);
  say(text);
}

function pause(button) {
  isPaused = !isPaused;
  button.setAttribute("aria-pressed", String(isPaused));
  if (!isPaused) renew().catch(() => say(bar.dataset.failed));
}

function renewIfLookedAt() {
  if (isPaused || document.hidden || !document.hasFocus()) return;
  renew().catch(() => say(bar.dataset.failed));
}

// The stream says that something came; what it is the page itself says.
function follow(address) {
  const stream = new EventSource(address);
  stream.addEventListener("message", renewIfLookedAt);
  stream.addEventListener("error", () => stream.readyState === EventSource.CLOSED && stop(bar.dataset.ended));
}

if (bar) {
  const button = bar.querySelector("button");
  button.hidden = false;
  button.addEventListener("click", () => pause(button));
  timer = setInterval(renewIfLookedAt, EVERY);
  if (bar.dataset.stream) follow(bar.dataset.stream);
  addEventListener("focus", () => isPaused || renew().catch(() => say(bar.dataset.failed)));
}
