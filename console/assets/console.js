// The live half of the console. Every page is whole without it: this module keeps the
// page up to date, draws the charts, and filters while one types.
import { morph } from "./morph.js";
import { Charts } from "./charts.js";

const age = document.getElementById("age");
const pause = document.getElementById("pause");
const staleAfter = 3500; // milliseconds, a little more than three periods
const streamed = ["overview", "callback", "running", "run", "failures", "failure", "drains", "durable"];

const page = document.body.dataset.page;
const container = document.getElementById("charts");
const charts = container && window.uPlot ? new Charts(container) : null;

let source = null; // the stream of events
let seen = performance.now(); // when the last update came
let paused = false;
let retry = 0; // timer of another try

// address is that of this page's stream.
function address() {
  const query = new URLSearchParams(location.search);
  query.set("page", page);
  return "stream?" + query;
}

function isLive() {
  return streamed.includes(page) && !new URLSearchParams(location.search).has("stacks") && !new URLSearchParams(location.search).has("leaks");
}

function open() {
  close();
  if (paused || document.hidden || !isLive()) return;
  source = new EventSource(address());
  source.onmessage = event => {
    seen = performance.now();
    const update = JSON.parse(event.data);
    show(update.html);
    charts?.add(update.point);
    mark();
  };
  source.onerror = () => {
    if (source?.readyState !== EventSource.CLOSED) return; // it tries again by itself
    close();
    retry = setTimeout(open, 5000);
  };
}

function close() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

// show takes over the parts of a newer page that change.
function show(html) {
  const newer = new DOMParser().parseFromString(html, "text/html");
  const before = document.getElementById("status").className;
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = newer.getElementById(part.id);
    if (next) morph(part, next);
  }
  document.getElementById("main").className = newer.getElementById("main").className;
  const status = document.getElementById("status");
  if (status.className !== before) document.getElementById("said").textContent = status.textContent; // read aloud, once
}

// mark says so when the page has grown old.
function mark() {
  if (!isLive()) return;
  const old = performance.now() - seen;
  const stale = paused || old > staleAfter;
  document.body.classList.toggle("stale", stale);
  if (!stale) return;
  age.classList.add("old");
  const seconds = Math.round(old / 1000);
  age.textContent = (paused ? "paused, " : "no contact, ") + "figures " + (seconds < 120 ? seconds + " s" : Math.round(seconds / 60) + " min") + " old";
}

function setPaused(to) {
  paused = to;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Go on" : "Pause";
  if (paused) close(); else open();
  mark();
}

// A filter works while one types: the address changes, and with it the stream.
function enhance(form) {
  let timer = 0;
  const apply = async () => {
    const query = new URLSearchParams(new FormData(form));
    for (const [key, value] of [...query]) if (!value) query.delete(key);
    const leaf = form.getAttribute("action");
    const text = query.toString();
    const target = text ? leaf + "?" + text : leaf;
    history.replaceState(null, "", target);
    try {
      const response = await fetch(target, { headers: { Accept: "text/html" } });
      if (response.ok) show(await response.text());
    } catch {
      return; // the stream says that there is no contact
    }
    open();
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, 200);
  });
  form.addEventListener("submit", event => {
    event.preventDefault();
    clearTimeout(timer);
    apply();
  });
}

for (const form of document.querySelectorAll("form.filter")) enhance(form);

if (isLive()) {
  pause.hidden = false;
  pause.addEventListener("click", () => setPaused(!paused));
  document.addEventListener("keydown", event => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
    if (event.key === "/") {
      const search = document.querySelector("form.filter input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", event => event.persisted && open());
  setInterval(mark, 500);
  open();
}
