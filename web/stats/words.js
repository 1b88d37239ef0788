// @ts-check
/** Statistics in words. */

import { text } from "../shared/language.js";

/** @typedef {import("./reading.js").Pair} Pair */

const NOTHING = "–";

/** What a number of each measure is called. @type {Record<string, (value: number) => string>} */
const FORMATS = {
  down: bits,
  up: bits,
  roundTrip: milliseconds,
  jitter: milliseconds,
  loss: percent,
  sendingLoss: percent,
  framesIn: (value) => value.toFixed(0),
  framesOut: (value) => value.toFixed(0),
};

/** @param {string} measure @param {number | null | undefined} value */
export function format(measure, value) {
  return value === null || value === undefined ? NOTHING : FORMATS[measure](value);
}

/** @param {number} value bits per second */
function bits(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(value < 1e7 ? 1 : 0)} Mbit/s`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(0)} kbit/s`;
  return `${value.toFixed(0)} bit/s`;
}

/** @param {number} value */
function milliseconds(value) {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** @param {number} value */
function percent(value) {
  return `${value.toFixed(value > 0 && value < 10 ? 1 : 0)} %`;
}

/** @param {Pair | null} pair */
export function pairInWords(pair) {
  if (!pair) return text("stats.pair.none");
  return text("stats.pair", { local: localEnd(pair), remote: end(pair.remoteType) });
}

/** @param {Pair} pair */
function localEnd({ localType, protocol, relayProtocol, url }) {
  if (localType !== "relay") return `${end(localType)} (${protocol.toUpperCase() || NOTHING})`;
  const over = relayProtocol ? text("stats.pair.over", { protocol: relayProtocol.toUpperCase() }) : "";
  const via = url ? text("stats.pair.via", { url }) : "";
  return end("relay") + over + via;
}

/** @param {string} type of a candidate */
function end(type) {
  return ["host", "srflx", "prflx", "relay"].includes(type) ? text(`stats.end.${type}`) : NOTHING;
}
