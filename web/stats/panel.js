// @ts-check
/** The panel of live statistics: in the call, in the tester, and for a recording that is played again. */

import { element } from "../shared/dom.js";
import { text } from "../shared/language.js";
import { draw } from "./plot.js";
import { read } from "./reading.js";
import { LONGEST, write } from "./recording.js";
import { MEASURES, sample, summary } from "./sample.js";
import { format, pairInWords } from "./words.js";

/** @typedef {import("./reading.js").Reading} Reading @typedef {import("./sample.js").Sample} Sample */

const INTERVAL_MS = 1000;
/** Two minutes. */
const SHOWN = 120;

/** @type {{title: string, series: (keyof Sample)[]}[]} */
const PLOTS = [
  { title: "stats.plot.rate", series: ["down", "up"] },
  { title: "stats.plot.roundTrip", series: ["roundTrip"] },
  { title: "stats.plot.loss", series: ["loss", "sendingLoss"] },
  { title: "stats.plot.frames", series: ["framesIn", "framesOut"] },
];

export class StatsPanel {
  /** @type {RTCPeerConnection | null} */ #connection = null;
  /** @type {Reading[]} */ #readings = [];
  /** @type {Sample[]} */ #samples = [];
  /** @type {Reading[] | null} */ #record = null;
  /** @type {number | undefined} */ #timer;
  #elements;

  /**
   * @param {HTMLElement} container
   * @param {{live?: boolean}} [options] live: with the buttons for recording
   */
  constructor(container, { live = true } = {}) {
    this.#elements = build(container, live);
    const { record, save } = this.#elements;
    record.addEventListener("click", () => this.#toggleRecording());
    save.addEventListener("click", () => this.#save());
    this.#elements.details.addEventListener("toggle", () => this.#show());
    document.addEventListener("languagechange", () => this.#show());
    globalThis.matchMedia?.("(prefers-color-scheme: dark)").addEventListener("change", () => this.#show());
    new ResizeObserver(() => this.#draw()).observe(container);
    this.#show();
  }

  /**
   * Follows this connection from now on. With null, what was seen last stays.
   *
   * @param {RTCPeerConnection | null} connection
   */
  watch(connection) {
    clearInterval(this.#timer);
    this.#connection = connection;
    if (connection) {
      this.#readings = [];
      this.#samples = [];
      this.#timer = setInterval(() => this.#look(), INTERVAL_MS);
      this.#look();
    }
    this.#show();
  }

  /**
   * Shows these readings, as if they had just been made.
   *
   * @param {Reading[]} readings
   */
  show(readings) {
    this.#readings = readings.slice(-1);
    this.#samples = readings.slice(-SHOWN - 1).flatMap((now, at, all) => (at === 0 ? [] : [sample(all[at - 1], now)]));
    this.#show();
  }

  async #look() {
    const connection = this.#connection;
    if (!connection || connection.connectionState === "closed") {
      clearInterval(this.#timer);
      this.#connection = null;
      return this.#show();
    }
    // Nobody looks, and nothing is recorded.
    if (!this.#elements.details.open && !this.#record) return;
    const now = read(/** @type {any} */ (await connection.getStats()), Date.now());
    if (this.#connection !== connection) return;
    const before = this.#readings.at(-1);
    if (before && now.time > before.time) {
      this.#samples.push(sample(before, now));
      this.#samples.splice(0, this.#samples.length - SHOWN);
    }
    this.#readings = [now];
    if (this.#record) {
      this.#record.push(now);
      if (this.#record.length >= LONGEST) this.#toggleRecording();
    }
    this.#show();
  }

  #toggleRecording() {
    const { record, save } = this.#elements;
    if (this.#record) {
      save.hidden = this.#record.length === 0;
      this.#finished = this.#record;
      this.#record = null;
    } else {
      this.#record = [];
      save.hidden = true;
    }
    record.setAttribute("aria-pressed", String(this.#record !== null));
    this.#show();
  }

  /** @type {Reading[]} */ #finished = [];

  #save() {
    const file = new Blob([write(this.#finished, this.#elements.addresses.checked)], { type: "application/json" });
    const url = URL.createObjectURL(file);
    const stamp = new Date(this.#finished[0]?.time ?? 0).toISOString().slice(0, 19).replaceAll(":", "-");
    element("a", { href: url, download: `statistics-${stamp}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  #show() {
    const { details, title, facts, body, head, recordText, save, addressText, live, captions } = this.#elements;
    title.textContent = text("stats.title");
    recordText.textContent = this.#record
      ? text("stats.record.stop", { seconds: this.#record.length })
      : text(this.#finished.length >= LONGEST ? "stats.record.full" : "stats.record");
    save.textContent = text("stats.save");
    addressText.textContent = text("stats.addresses");
    const isOld = live && !this.#connection;
    details.classList.toggle("stale", isOld && this.#samples.length > 0);
    if (!details.open) return;

    const reading = this.#readings.at(-1);
    facts.replaceChildren(...factRows(reading));
    head.replaceChildren(...["measure", "now", "least", "median", "most"].map((name, at) =>
      element("th", at ? { class: "number", scope: "col" } : { scope: "col" }, text(`stats.column.${name}`))));
    body.replaceChildren(...MEASURES.map((measure) => row(measure, this.#samples)));
    captions.forEach((caption, at) => caption.replaceChildren(...legend(PLOTS[at])));
    this.#draw();
  }

  #draw() {
    if (!this.#elements.details.open) return;
    this.#elements.canvases.forEach((canvas, at) => {
      const series = PLOTS[at].series.map((measure, which) => ({
        values: this.#samples.map((one) => one[measure]),
        colour: which ? "--warn" : "--accent",
        dash: which > 0,
      }));
      draw(canvas, series, SHOWN, (value) => format(PLOTS[at].series[0], value));
    });
  }
}

/** @param {HTMLElement} container @param {boolean} live */
function build(container, live) {
  const title = element("summary");
  const facts = element("dl", { class: "facts" });
  const head = element("tr");
  const body = element("tbody");
  const captions = PLOTS.map(() => element("figcaption"));
  const canvases = PLOTS.map(() => element("canvas", { "aria-hidden": "true" }));
  const plots = element("div", { class: "plots" }, ...PLOTS.map((_, at) => element("figure", {}, captions[at], canvases[at])));
  const recordText = element("span");
  const record = element("button", { type: "button", "aria-pressed": "false" }, recordText);
  const save = element("button", { type: "button", hidden: "" });
  const addresses = element("input", { type: "checkbox" });
  const addressText = element("span");
  const controls = element("div", { class: "row" }, record, save, element("label", { class: "row tick" }, addresses, addressText));
  controls.hidden = !live;
  const table = element("div", { class: "scroll" }, element("table", {}, element("thead", {}, head), body));
  const details = element("details", { class: "card stats" }, title, controls, facts, plots, table);
  details.open = !live;
  container.replaceChildren(details);
  return { details, title, facts, head, body, captions, canvases, record, recordText, save, addresses, addressText, live };
}

/** @param {Reading | undefined} reading */
function factRows(reading) {
  const size = reading?.width ? `${reading.width} × ${reading.height}` : "–";
  const facts = [
    ["pair", pairInWords(reading?.pair ?? null)],
    ["changes", reading?.pairChanges ?? "–"],
    ["codecs", reading?.codecs.join(", ") || "–"],
    ["security", reading?.security || "–"],
    ["size", size],
    ["decoded", reading?.framesDecoded ?? "–"],
    ["freezes", reading?.freezes ?? "–"],
  ];
  return facts.map(([name, value]) =>
    element("div", {}, element("dt", {}, text(`stats.fact.${name}`)), element("dd", {}, String(value))));
}

/** @param {keyof Sample} measure @param {Sample[]} samples */
function row(measure, samples) {
  const all = summary(samples, measure);
  const values = [samples.at(-1)?.[measure], all?.least, all?.median, all?.most];
  const cells = values.map((value) => element("td", { class: "number" }, format(measure, value)));
  return element("tr", {}, element("th", { scope: "row" }, text(`stats.measure.${measure}`)), ...cells);
}

/** @param {{title: string, series: (keyof Sample)[]}} plot */
function legend({ title, series }) {
  const keys = series.length > 1 ? series : [];
  return [
    element("span", {}, text(title)),
    ...keys.map((measure, at) => element("span", { class: at ? "key second" : "key" }, text(`stats.measure.${measure}`))),
  ];
}
