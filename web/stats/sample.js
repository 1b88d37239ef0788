// @ts-check
/** From two looks at a connection to what happened between them. */

/** @typedef {import("./reading.js").Reading} Reading */

/**
 * @typedef {object} Sample
 * @property {number} time milliseconds
 * @property {number | null} up bits per second
 * @property {number | null} down bits per second
 * @property {number | null} roundTrip milliseconds
 * @property {number | null} jitter milliseconds
 * @property {number | null} loss of what comes, percent
 * @property {number | null} sendingLoss of what goes, percent
 * @property {number | null} framesIn per second
 * @property {number | null} framesOut per second
 */

/**
 * What can be measured, in the order in which it is shown.
 *
 * @type {(keyof Sample)[]}
 */
export const MEASURES = ["down", "up", "roundTrip", "jitter", "loss", "sendingLoss", "framesIn", "framesOut"];

/**
 * A counter that went back belongs to something new: a track, a transport. It tells nothing of this second.
 *
 * @param {Reading} before
 * @param {Reading} now
 * @returns {Sample}
 */
export function sample(before, now) {
  const seconds = (now.time - before.time) / 1000;
  /** @param {keyof Reading} field */
  const grown = (field) => {
    const [from, to] = [before[field], now[field]];
    return typeof from === "number" && typeof to === "number" && to >= from ? to - from : null;
  };
  /** @param {keyof Reading} field */
  const rate = (field) => {
    const change = grown(field);
    return change === null || seconds <= 0 ? null : change / seconds;
  };
  return {
    time: now.time,
    up: scaled(rate("bytesSent"), 8),
    down: scaled(rate("bytesReceived"), 8),
    roundTrip: scaled(now.roundTrip, 1000),
    jitter: scaled(now.jitter, 1000),
    loss: share(grown("packetsLost"), grown("packetsReceived")),
    sendingLoss: scaled(now.sendingLoss, 100),
    framesIn: rate("framesDecoded"),
    framesOut: rate("framesSent"),
  };
}

/** @param {number | null} value @param {number} factor */
function scaled(value, factor) {
  return value === null ? null : value * factor;
}

/** @param {number | null} lost @param {number | null} received */
function share(lost, received) {
  if (lost === null || received === null || lost + received === 0) return null;
  return (100 * lost) / (lost + received);
}

/**
 * Least, middle and most of a measure.
 *
 * @param {Sample[]} samples
 * @param {keyof Sample} measure
 * @returns {{least: number, median: number, most: number} | null}
 */
export function summary(samples, measure) {
  const values = samples.map((one) => one[measure]).filter((value) => value !== null).sort((a, b) => a - b);
  if (values.length === 0) return null;
  const middle = Math.floor(values.length / 2);
  const median = values.length % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return { least: values[0], median, most: values[values.length - 1] };
}
