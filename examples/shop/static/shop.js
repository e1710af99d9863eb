// Makes the order form answer in place and shows its after-work as it arrives.
// Without this script the forms still work: they lead to pages of their own.
"use strict";
document.documentElement.classList.add("js");

const $ = (id) => document.getElementById(id);
const size = (n) => (n < 0.05 ? "<0.1" : n < 9.95 ? n.toFixed(1) : Math.round(n));
const ms = (n) => size(n) + " ms";
const lasted = (n) => (n < 1000 ? ms(n) : (n / 1000).toFixed(1) + " s");
const at = (n) => (Math.abs(n) < 0.05 ? "±0" : (n < 0 ? "−" : "+") + size(Math.abs(n))) + " ms";
const say = (text) => { $("live").textContent = text; };

async function post(url, body) {
  let response;
  try {
    response = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  } catch {
    throw new Error("the shop does not answer: nothing was done, or it was and the answer got lost");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

// --- the after-work of one order ---

const outcomes = { success: "done", error: "failed", timeout: "timed out", panic: "panicked", canceled: "canceled", dropped: "dropped", abandoned: "given up", coalesced: "left to a newer one", rejected: "rejected" };
let source; // of the events of the order shown

function row(name) {
  let li = $("steps").querySelector(`[data-name="${CSS.escape(name)}"]`);
  if (li) return li;
  li = document.createElement("li");
  li.className = "step";
  li.dataset.name = name;
  li.innerHTML = `<span class="dot" aria-hidden="true"></span><span class="what"></span><span class="when"></span><code></code><span class="how"></span>`;
  $("steps").append(li);
  return li;
}

function showStep(step) {
  const li = row(step.name);
  li.dataset.state = step.state;
  li.querySelector(".what").textContent = step.label;
  li.querySelector("code").textContent = step.name;
  const how = li.querySelector(".how");
  if (!step.done) {
    how.textContent = step.state + (step.error ? `, as attempt ${step.attempt} failed: ${step.error.split("\n")[0]}` : "");
    delete li.dataset.outcome;
    return;
  }
  li.dataset.outcome = step.outcome;
  li.dataset.at = step.at_ms;
  li.dataset.took = step.took_ms;
  li.querySelector(".when").textContent = at(step.at_ms);
  how.textContent = outcomes[step.outcome] ?? step.outcome;
  if (step.outcome !== "coalesced" && step.outcome !== "rejected") how.textContent += ` ${step.outcome === "timeout" ? "after" : "in"} ${lasted(step.took_ms)}`; // those have not run
  if (step.name === "order.email.customer" && step.outcome === "success") mailed(true);
  if (step.error) how.textContent += ": " + step.error.split("\n")[0];
  const side = step.at_ms < 0 ? "before" : "after";
  say(`${step.label}: ${outcomes[step.outcome] ?? step.outcome}, ${size(Math.abs(step.at_ms))} milliseconds ${side} the answer`);
  draw();
}

// mailed offers the mail to read, unless there is no inbox here.
function mailed(sent) {
  const link = $("result-inbox");
  if (link) link.hidden = !sent;
}

// draw lays the steps on one time line, with a mark where the answer left.
function draw() {
  const done = [...$("steps").querySelectorAll("[data-outcome]")];
  if (!done.length) return;
  const from = Math.min(0, ...done.map((li) => li.dataset.at - li.dataset.took));
  const to = Math.max(0, ...done.map((li) => +li.dataset.at));
  const share = (t) => (100 * (t - from)) / (to - from || 1) + "%";
  for (const li of done) {
    let track = li.querySelector(".track");
    if (!track) {
      track = document.createElement("span");
      track.className = "track";
      track.setAttribute("aria-hidden", "true");
      track.append(document.createElement("i"), document.createElement("u"));
      li.append(track);
    }
    track.style.setProperty("--from", share(li.dataset.at - li.dataset.took));
    track.style.setProperty("--for", (100 * li.dataset.took) / (to - from || 1) + "%");
    track.style.setProperty("--zero", share(0));
  }
}

function follow(id) {
  source?.close();
  source = new EventSource(`/api/orders/${id}/events`);
  source.addEventListener("step", (e) => {
    const step = JSON.parse(e.data);
    showStep(step);
    if (step.name === "cache.revalidate" && step.done) refreshBest();
  });
  source.addEventListener("complete", () => {
    source.close();
    $("result").dataset.complete = "true";
    const all = [...$("steps").querySelectorAll("[data-outcome]")];
    const good = all.filter((li) => ["success", "coalesced"].includes(li.dataset.outcome)).length;
    say(`${good} of ${all.length} parts of the after-work are done`);
  });
}

async function refreshBest() {
  const best = $("best");
  if (!best) return;
  const response = await fetch("/bestsellers").catch(() => null);
  if (response?.ok) best.innerHTML = await response.text();
}

// --- placing an order ---

function showOrder(answer, email) {
  const inline = answer.mode === "inline";
  const result = $("result");
  $("empty").hidden = true;
  result.hidden = false;
  result.dataset.order = answer.id;
  result.dataset.mode = answer.mode;
  delete result.dataset.complete;
  $("result-title").textContent = answer.message;
  $("result-how").textContent = inline ? "All of it was done before the answer." : "The answer came first, the rest after it.";
  $("result-ms").textContent = ms(answer.server_ms);
  mailed(false);
  if ($("result-inbox")) $("result-inbox").href = "/inbox?to=" + encodeURIComponent(email);
  $("result-json").href = "/api/orders/" + answer.id;
  const trace = $("result-trace");
  trace.hidden = !answer.trace_id;
  trace.href = trace.href.split("?")[0] + "?trace_id=" + answer.trace_id;
  $("steps").replaceChildren();
  say(`${answer.message}, answered in ${ms(answer.server_ms)}`);
  follow(answer.id);
  compare(answer.mode, answer.server_ms);
  if (matchMedia("(max-width: 56rem)").matches) result.scrollIntoView({ block: "start" });
}

// compare remembers the last answer of each mode while the tab is open.
function compare(mode, took) {
  const last = JSON.parse(sessionStorage.getItem("took") ?? "{}");
  if (mode) last[mode] = took;
  sessionStorage.setItem("took", JSON.stringify(last));
  if (!last.after && !last.inline) return;
  $("compare").hidden = false;
  const most = last.after && last.inline ? Math.max(last.after, last.inline) : Infinity;
  for (const div of $("compare").querySelectorAll("dl > div")) {
    const n = last[div.dataset.mode];
    div.querySelector("output").textContent = n ? ms(n) : "not yet";
    div.querySelector(".bar").style.setProperty("--share", n ? n / most : 0);
  }
  $("compare-words").textContent = last.after && last.inline
    ? `The same work, answered ${Math.max(1, Math.round(last.inline / last.after))} times sooner.`
    : `Now place it ${last.after ? "inline" : "after"} to compare.`;
}

// fieldError shows what is wrong with a form, "" for nothing, at the field that it names.
function fieldError(form, message) {
  const shown = form.querySelector(".error");
  shown.textContent = message;
  shown.hidden = !message;
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
  if (!message) return;
  const input = form.elements.namedItem(message.split(":")[0]);
  if (input instanceof HTMLInputElement) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", shown.id);
    input.focus();
  }
}

$("order")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const button = form.querySelector("button");
  if (button.getAttribute("aria-busy") === "true") return;
  const { name, email, product, quantity, mode } = Object.fromEntries(new FormData(form));
  button.setAttribute("aria-busy", "true");
  const idle = button.textContent;
  if (mode === "inline") {
    $("result").setAttribute("aria-busy", "true");
    button.textContent = "Placing…";
  }
  fieldError(form, "");
  try {
    const answer = await post("/api/orders", { name, email, product, quantity: Number(quantity), mode });
    showOrder(answer, email.trim());
  } catch (error) {
    fieldError(form, error.message);
  } finally {
    $("result").removeAttribute("aria-busy");
    button.removeAttribute("aria-busy");
    if (button.textContent !== idle) button.textContent = idle;
  }
});

$("signup")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const said = $("signup-said");
  const email = new FormData(form).get("email").trim();
  fieldError(form, "");
  try {
    const answer = await post("/api/signup", { email });
    said.textContent = `${answer.message} (answered in ${ms(answer.server_ms)}). `;
    if (answer.after.length) {
      const link = document.createElement("a");
      link.href = "/inbox?to=" + encodeURIComponent(email);
      link.textContent = "Read it";
      said.append(link);
    }
  } catch (error) {
    said.textContent = "";
    fieldError(form, error.message);
  }
});

if ($("compare")) compare();
// A page that came from the form without script, opened with it.
if ($("result")?.dataset.order) follow($("result").dataset.order);
