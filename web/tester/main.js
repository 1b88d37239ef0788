// @ts-check
/** The page /test: what is typed in, the run of the tests, and what goes out. */

import { byId, element } from "../shared/dom.js";
import { languageButton, text } from "../shared/language.js";
import { StatsPanel } from "../stats/panel.js";
import { linkWith, readFragment } from "./link.js";
import { toJson, toMarkdown } from "./report.js";
import { test, untested } from "./run.js";
import { copy, download } from "./share.js";
import { eachUrl, ownServers, SiteError, siteClockSkew } from "./site.js";
import { urlsOf } from "./url.js";
import { allWords, draw } from "./view.js";

const urls = byId("urls", HTMLTextAreaElement);
const username = byId("username", HTMLInputElement);
const credential = byId("credential", HTMLInputElement);
const own = byId("source-own", HTMLInputElement);
const withThroughput = byId("throughput", HTMLInputElement);
const start = byId("start", HTMLButtonElement);
const stop = byId("stop", HTMLButtonElement);
const link = byId("link", HTMLButtonElement);
const show = byId("show", HTMLButtonElement);
const status = byId("status", HTMLElement);
const cards = byId("cards", HTMLElement);
const statistics = byId("statistics", HTMLElement);
const panel = new StatsPanel(statistics);

/** @typedef {{job: import("./run.js").Job, result: import("./run.js").Result, card: HTMLElement}} Entry */

/** @type {Entry[]} */
let entries = [];
let date = "";
let skew = 0;
let stopping = new AbortController();
/** @type {{key: string, values: Record<string, string | number>}} */
let said = { key: "tester.status.idle", values: {} };

/** @param {string} key @param {Record<string, string | number>} [values] */
function say(key, values = {}) {
  said = { key, values };
  status.textContent = text(key, values);
}

/** @param {"idle" | "running" | "done"} state */
function enter(state) {
  document.body.dataset.state = state;
  const isRunning = state === "running";
  start.disabled = isRunning;
  stop.disabled = !isRunning;
  byId("exports", HTMLElement).hidden = state !== "done" || entries.length === 0;
}

async function run() {
  stopping = new AbortController();
  const { signal } = stopping;
  entries = [];
  cards.replaceChildren();
  byId("results", HTMLElement).hidden = true;
  enter("running");
  stop.focus();
  try {
    await collect(signal);
    await testAll(signal);
  } catch (error) {
    if (error instanceof SiteError) say(error.key, error.values);
    else if (signal.aborted) say("tester.status.stopped");
    else {
      say("tester.status.failed");
      throw error;
    }
  } finally {
    panel.watch(null);
    const isWaiting = document.activeElement === stop;
    enter("done");
    // A button that is switched off would take the focus away with it.
    if (isWaiting) start.focus();
  }
}

/** @param {AbortSignal} signal */
async function collect(signal) {
  say("tester.status.asking");
  const servers = own.checked
    ? eachUrl(await ownServers(location.href, readFragment(location.hash), signal))
    : urlsOf(urls.value).map((url) => ({ url, username: username.value.trim(), credential: credential.value }));
  date = new Date().toISOString();
  skew = servers.length ? await siteClockSkew(location.href) : 0;
  entries = servers.map((server) => {
    const job = { ...server, withThroughput: withThroughput.checked, skew };
    return { job, result: untested(job), card: element("article", { class: "card result" }) };
  });
  cards.replaceChildren(...entries.map(({ card }) => card));
  byId("results", HTMLElement).hidden = entries.length === 0;
  redraw();
}

/**
 * One after the other, so that no test slows down another.
 *
 * @param {AbortSignal} signal
 */
async function testAll(signal) {
  if (entries.length === 0) return say("tester.status.noUrl");
  if (!("RTCPeerConnection" in globalThis)) return say("tester.status.noWebRtc");
  statistics.hidden = false;
  for (const [index, { job, result, card }] of entries.entries()) {
    if (!signal.aborted) say("tester.status.running", { number: index + 1, count: entries.length, url: job.url });
    const changed = () => draw(card, result);
    await test(job, result, { signal, changed, watch: (connection) => panel.watch(connection) });
  }
  const count = (/** @type {string[]} */ ...levels) =>
    entries.filter(({ result }) => levels.includes(result.verdict?.level ?? "")).length;
  const sums = { works: count("good", "warn"), fails: count("bad"), unclear: count("none") };
  const finished = sums.unclear ? "tester.status.unclear" : "tester.status.done";
  say(signal.aborted ? "tester.status.stopped" : finished, sums);
}

function redraw() {
  for (const { card, result } of entries) draw(card, result);
}

/** @param {boolean} isShown */
function showCredential(isShown) {
  credential.type = isShown ? "text" : "password";
  show.setAttribute("aria-pressed", String(isShown));
}

function choose() {
  byId("typed", HTMLElement).hidden = own.checked;
  byId("own-note", HTMLElement).hidden = !own.checked;
  link.disabled = own.checked;
}

function report() {
  return { date, skew, browser: navigator.userAgent, results: entries.map(({ result }) => result) };
}

const markdown = () => toMarkdown(report(), allWords, { title: text("tester.title"), options: text("tester.options") });
const json = () => toJson(report(), allWords);

/** @param {string} words */
async function toClipboard(words) {
  say((await copy(words)) ? "tester.status.copied" : "tester.status.notCopied");
}

languageButton(byId("language", HTMLElement));
urls.value = readFragment(location.hash).urls.join("\n");
say("tester.status.idle");
choose();
enter("idle");

document.addEventListener("languagechange", () => {
  redraw();
  say(said.key, said.values);
});
start.addEventListener("click", run);
stop.addEventListener("click", () => stopping.abort());
show.addEventListener("click", () => showCredential(credential.type === "password"));
link.addEventListener("click", () => toClipboard(linkWith(location.href, urlsOf(urls.value))));
for (const choice of [own, byId("source-typed", HTMLInputElement)]) choice.addEventListener("change", choose);
byId("copy-markdown", HTMLElement).addEventListener("click", () => toClipboard(markdown()));
byId("copy-json", HTMLElement).addEventListener("click", () => toClipboard(json()));
byId("save-markdown", HTMLElement).addEventListener("click", () => download("turn-test.md", "text/markdown", markdown()));
byId("save-json", HTMLElement).addEventListener("click", () => download("turn-test.json", "application/json", json()));
window.addEventListener("hashchange", () => {
  const { urls: linked } = readFragment(location.hash);
  if (linked.length) urls.value = linked.join("\n");
});
