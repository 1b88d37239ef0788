// @ts-check
/** What a connected pair carries. */

import { until } from "./until.js";

const BULK_MESSAGE = 16 * 1024;
/** Bytes that wait in the browser: enough to fill a fast path, soon gone on a slow one. */
const WAITING = 512 * 1024;

/**
 * Sends small messages to the far end and back, one after the other.
 *
 * @param {import("./relay.js").RelayPair} pair
 * @param {number} count
 * @param {number} milliseconds for all
 * @param {AbortSignal} signal
 * @returns {Promise<number[]>} milliseconds that each took
 */
export async function roundTrips(pair, count, milliseconds, signal) {
  const { echo } = pair;
  const back = new EventTarget();
  const end = performance.now() + milliseconds;
  const far = await farEnd(pair, "echo", milliseconds, signal);
  if (!far) return [];
  far.addEventListener("message", ({ data }) => far.readyState === "open" && far.send(data));
  let answered = -1;
  echo.addEventListener("message", ({ data }) => {
    answered = Number(data);
    back.dispatchEvent(new Event("change"));
  });
  const times = [];
  for (let number = 0; number < count && echo.readyState === "open"; number += 1) {
    const begin = performance.now();
    echo.send(String(number));
    if (!(await until(back, () => answered === number, end - begin, signal))) break;
    times.push(performance.now() - begin);
  }
  return times;
}

/**
 * Sends as much as the relay takes.
 *
 * @param {import("./relay.js").RelayPair} pair
 * @param {number} milliseconds to send, and at most as many before that for the far end to be there
 * @param {AbortSignal} signal
 * @returns {Promise<{bytes: number, milliseconds: number}>} what arrived in what time
 */
export async function throughput(pair, milliseconds, signal) {
  const { bulk } = pair;
  const far = await farEnd(pair, "bulk", milliseconds, signal);
  if (!far) return { bytes: 0, milliseconds };
  let bytes = 0;
  far.addEventListener("message", ({ data }) => (bytes += data.byteLength));
  const message = new Uint8Array(BULK_MESSAGE);
  const fill = () => {
    while (bulk.readyState === "open" && bulk.bufferedAmount < WAITING) bulk.send(message);
  };
  bulk.bufferedAmountLowThreshold = WAITING / 2;
  bulk.addEventListener("bufferedamountlow", fill);
  const begin = performance.now();
  fill();
  try {
    await until(bulk, () => bulk.readyState !== "open", milliseconds, signal);
  } finally {
    bulk.removeEventListener("bufferedamountlow", fill);
  }
  return { bytes, milliseconds: performance.now() - begin };
}

/** @param {import("./relay.js").RelayPair} pair @param {string} label @param {number} milliseconds @param {AbortSignal} signal */
async function farEnd(pair, label, milliseconds, signal) {
  await until(pair, () => pair.arrived.has(label), milliseconds, signal);
  const channel = pair.arrived.get(label);
  if (channel) channel.binaryType = "arraybuffer";
  return channel;
}
