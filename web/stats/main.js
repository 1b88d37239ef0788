// @ts-check
/** The page /stats: plays a recording of statistics again. */

import { byId } from "../shared/dom.js";
import { languageButton, text } from "../shared/language.js";
import { StatsPanel } from "./panel.js";
import { BadRecording, LARGEST, parse } from "./recording.js";

/** @typedef {import("./reading.js").Reading} Reading */

const file = byId("file", HTMLInputElement);
const player = byId("player", HTMLElement);
const play = byId("play", HTMLButtonElement);
const seek = byId("seek", HTMLInputElement);
const speed = byId("speed", HTMLSelectElement);
const position = byId("position", HTMLOutputElement);
const told = byId("told", HTMLElement);
const panelPlace = byId("statistics", HTMLElement);
const panel = new StatsPanel(panelPlace, { live: false });

/** @type {Reading[]} */
let readings = [];
/** @type {number | undefined} */
let timer;
/** @type {() => string} */
let telling = () => "";

languageButton(byId("language", HTMLButtonElement));
document.addEventListener("languagechange", show);
file.addEventListener("change", () => open(file.files?.[0]));
play.addEventListener("click", () => (timer ? stop() : start()));
seek.addEventListener("input", show);
speed.addEventListener("change", () => timer && start());
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  open(event.dataTransfer?.files[0]);
});
show();

/** @param {File | undefined} chosen */
async function open(chosen) {
  if (!chosen) return;
  stop();
  try {
    if (chosen.size > LARGEST) throw new BadRecording("stats.bad.large");
    readings = parse(await chosen.text());
  } catch (error) {
    const { key, values } = error instanceof BadRecording ? error : { key: "stats.bad.read", values: {} };
    telling = () => text(key, values);
    told.className = "bad";
    return show();
  }
  const { name } = chosen;
  telling = () => text("stats.opened", { name, seconds: length() });
  told.className = "quiet";
  seek.max = String(readings.length - 1);
  seek.value = seek.max;
  show();
}

function length() {
  return Math.round(((readings.at(-1)?.time ?? 0) - (readings[0]?.time ?? 0)) / 1000);
}

function start() {
  clearInterval(timer);
  if (seek.valueAsNumber >= readings.length - 1) seek.value = "0";
  timer = setInterval(() => {
    seek.value = String(seek.valueAsNumber + 1);
    if (seek.valueAsNumber >= readings.length - 1) stop();
    show();
  }, 1000 / Number(speed.value));
  show();
}

function stop() {
  clearInterval(timer);
  timer = undefined;
  show();
}

function show() {
  told.textContent = telling();
  player.hidden = readings.length === 0;
  panelPlace.hidden = readings.length === 0;
  play.textContent = text(timer ? "stats.pause" : "stats.play");
  if (readings.length === 0) return;
  const at = seek.valueAsNumber;
  const time = new Date(readings[at].time).toLocaleTimeString();
  position.textContent = time;
  seek.setAttribute("aria-valuetext", time);
  panel.show(readings.slice(0, at + 1));
}
