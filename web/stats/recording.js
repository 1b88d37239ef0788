// @ts-check
/**
 * A recording: the readings of a connection in a file. Version 1 is
 * `{"turnd-statistics": 1, "from": TIME, "readings": [READING, …]}`, times in milliseconds since 1970, READING as in
 * `reading.js`. Addresses are left out unless they are asked for.
 */

/** @typedef {import("./reading.js").Reading} Reading */

/** Readings of an hour, one a second. */
export const LONGEST = 3600;
/** Bytes of a file that is opened. */
export const LARGEST = 8_000_000;

const NUMBERS = [
  "pairChanges", "bytesSent", "bytesReceived", "roundTrip", "jitter", "packetsReceived", "packetsLost", "sendingLoss",
  "framesDecoded", "framesSent", "width", "height", "freezes",
];
const PAIR = ["localType", "remoteType", "protocol", "relayProtocol", "url", "localAddress", "remoteAddress"];

/**
 * @param {Reading[]} readings
 * @param {boolean} withAddresses
 */
export function write(readings, withAddresses) {
  const told = readings.map((reading) => (withAddresses || !reading.pair ? reading : { ...reading, pair: masked(reading.pair) }));
  return JSON.stringify({ "turnd-statistics": 1, from: readings[0]?.time ?? 0, readings: told });
}

/** @param {import("./reading.js").Pair} pair */
function masked(pair) {
  return { ...pair, url: pair.url.replace(/:[^?]*/, ":…"), localAddress: "", remoteAddress: "" };
}

/** What a file is not. `key` names the text that says so. */
export class BadRecording extends Error {
  /** @param {string} key @param {Record<string, string | number>} [values] */
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

/**
 * Takes nothing on trust: what is returned has the right fields of the right kinds, and no others.
 *
 * @param {string} text
 * @returns {Reading[]}
 */
export function parse(text) {
  if (text.length > LARGEST) throw new BadRecording("stats.bad.large");
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new BadRecording("stats.bad.json");
  }
  if (file?.["turnd-statistics"] !== 1) throw new BadRecording("stats.bad.kind");
  if (!Array.isArray(file.readings) || file.readings.length === 0) throw new BadRecording("stats.bad.empty");
  if (file.readings.length > LONGEST) throw new BadRecording("stats.bad.large");
  let last = -Infinity;
  return file.readings.map((/** @type {any} */ one, /** @type {number} */ at) => {
    const reading = parseReading(one, at + 1);
    if (reading.time <= last) throw new BadRecording("stats.bad.field", { number: at + 1, field: "time" });
    last = reading.time;
    return reading;
  });
}

/** @param {any} one @param {number} number @returns {Reading} */
function parseReading(one, number) {
  const bad = (/** @type {string} */ field) => new BadRecording("stats.bad.field", { number, field });
  if (typeof one !== "object" || one === null) throw bad("…");
  if (!Number.isFinite(one.time)) throw bad("time");
  /** @type {any} */
  const reading = { time: one.time, pair: null, security: words(one.security), codecs: [] };
  if (reading.security === null) throw bad("security");
  if (!Array.isArray(one.codecs) || one.codecs.length > 16) throw bad("codecs");
  reading.codecs = one.codecs.map(words);
  if (reading.codecs.includes(null)) throw bad("codecs");
  for (const field of NUMBERS) {
    const value = one[field] ?? null;
    if (value !== null && !(Number.isFinite(value) && value >= -1e15 && value <= 1e15)) throw bad(field);
    reading[field] = value;
  }
  if (one.pair !== null) {
    reading.pair = {};
    for (const field of PAIR) {
      reading.pair[field] = words(one.pair?.[field]);
      if (reading.pair[field] === null) throw bad(`pair.${field}`);
    }
  }
  return reading;
}

/** @param {unknown} value @returns {string | null} */
function words(value) {
  return typeof value === "string" && value.length <= 256 ? value : null;
}
