// @ts-check
/** The test of one URL, step by step. */

import { accountOf } from "./credential.js";
import { roundTrips, throughput } from "./measure.js";
import { megabits, percentile } from "./numbers.js";
import { askStun, portBehindTls, resolves } from "./probe.js";
import { RelayPair } from "./relay.js";
import { isLiteral, isSecure, isStun, parseUrl } from "./url.js";
import { isRejected, judge, LIMIT, refusal, SLOW } from "./verdict.js";

const ECHOES = 20;
const BULK_TIME = 2000;

/**
 * @typedef {object} Job
 * @property {string} url
 * @property {string} username
 * @property {string} credential
 * @property {boolean} withThroughput
 * @property {number} skew seconds that the web server's clock is ahead of this one
 */

/** @typedef {"waiting" | "parse" | "allocate" | "connect" | "roundTrip" | "throughput" | "cause" | "done"} Phase */

/**
 * What is known of a URL so far.
 *
 * @typedef {object} Result
 * @property {string} url
 * @property {import("./credential.js").Account} account
 * @property {boolean} isStun
 * @property {Phase} phase
 * @property {boolean} isSlow whether the phase has taken longer than what works well takes
 * @property {boolean} isSyntaxGood
 * @property {number | null} allocateMs
 * @property {number | null} connectMs
 * @property {{median: number, p95: number, count: number, asked: number} | null} roundTrip milliseconds; how many came back
 * @property {{megabits: number, bytes: number} | null} throughput `megabits` a second
 * @property {boolean} withThroughput
 * @property {import("./verdict.js").Verdict | null} verdict
 */

/** @param {Job} job @returns {Result} */
export function untested({ url, username, withThroughput }) {
  return {
    url,
    account: accountOf(/^turn/i.test(url) ? username : ""),
    isStun: /^stun/i.test(url),
    phase: "waiting",
    isSlow: false,
    isSyntaxGood: false,
    allocateMs: null,
    connectMs: null,
    roundTrip: null,
    throughput: null,
    withThroughput,
    verdict: null,
  };
}

/**
 * Tests one URL. Each step has a time of its own, and there is no other limit: when the time of a step is over, what
 * was seen until then is judged. A browser that does not keep its own promises in that time is no evidence.
 *
 * @param {Job} job
 * @param {Result} result is filled in on the way
 * @param {object} with_
 * @param {AbortSignal} with_.signal
 * @param {() => void} with_.changed there is something new in `result`
 * @param {(connection: RTCPeerConnection) => void} with_.watch the connection under test
 */
export async function test(job, result, { signal, changed, watch }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let slow;
  const enter = (/** @type {Phase} */ phase) => {
    clearTimeout(slow);
    Object.assign(result, { phase, isSlow: false });
    slow = setTimeout(() => {
      result.isSlow = true;
      changed();
    }, SLOW);
    changed();
  };
  try {
    enter("parse");
    result.verdict = await steps({ job, result, signal, enter, watch });
  } catch (error) {
    result.verdict = refusal("stopped");
    const isStuck = error instanceof DOMException && error.name === "TimeoutError";
    if (!signal.aborted && !isStuck) throw error;
  } finally {
    clearTimeout(slow);
    Object.assign(result, { phase: "done", isSlow: false });
    changed();
  }
}

/**
 * What the steps work with.
 *
 * @typedef {object} Context
 * @property {Job} job
 * @property {Result} result
 * @property {AbortSignal} signal
 * @property {(phase: Phase) => void} enter
 * @property {(connection: RTCPeerConnection) => void} watch
 */

/** @param {Context} context */
async function steps(context) {
  const { job, result, signal } = context;
  signal.throwIfAborted();
  const address = parseUrl(job.url);
  if (typeof address === "string") return refusal(address);
  if (!isStun(address) && (job.username === "" || job.credential === "")) return refusal("username");
  const seen = nothingSeen(address, result.account);
  try {
    await (isStun(address) ? testStun : testTurn)(context, seen);
  } catch (error) {
    // The browser's own reading of the URL, when it makes the connection.
    const isItsSyntax = error instanceof DOMException && ["SyntaxError", "InvalidAccessError", "NotSupportedError"].includes(error.name);
    if (signal.aborted || !isItsSyntax) throw error;
    return refusal("browser");
  }
  return judge(seen, Date.now() / 1000, job.skew);
}

/**
 * @param {import("./url.js").Address} address
 * @param {import("./credential.js").Account} account
 * @returns {import("./verdict.js").Evidence}
 */
function nothingSeen(address, account) {
  return {
    address,
    account,
    errors: [],
    relays: [0, 0],
    reflexive: false,
    gathered: false,
    allocateMs: null,
    connection: "not tried",
    connectMs: null,
    asked: ECHOES,
    echoes: 0,
    p95: null,
    bulkBytes: null,
    port: "unknown",
    resolves: null,
  };
}

/** @param {Context} context @param {import("./verdict.js").Evidence} seen */
async function testStun({ job, result, signal, enter, watch }, seen) {
  result.isSyntaxGood = true;
  enter("allocate");
  const { types, errors, gathered, milliseconds } = await askStun(job.url, LIMIT, signal, watch);
  Object.assign(seen, { errors, gathered, reflexive: types.includes("srflx") });
  if (seen.reflexive) result.allocateMs = milliseconds;
}

/** @param {Context} context @param {import("./verdict.js").Evidence} seen */
async function testTurn({ job, result, signal, enter, watch }, seen) {
  const pair = new RelayPair({ urls: job.url, username: job.username, credential: job.credential });
  try {
    result.isSyntaxGood = true;
    watch(pair.near);
    enter("allocate");
    await pair.negotiate(LIMIT, signal);
    if (await pair.allocated(LIMIT, signal)) seen.allocateMs = result.allocateMs = pair.age;
    Object.assign(seen, { errors: pair.errors, relays: pair.relays, gathered: pair.gathered });
    if (seen.allocateMs === null) {
      enter("cause");
      await findCause(seen, signal);
      return;
    }
    enter("connect");
    const { connection, milliseconds } = await pair.connected(LIMIT, signal);
    Object.assign(seen, { connection, connectMs: milliseconds });
    if (connection !== "connected") return;
    result.connectMs = milliseconds;
    enter("roundTrip");
    const times = await roundTrips(pair, ECHOES, LIMIT, signal);
    const [median, p95] = [percentile(times, 0.5), percentile(times, 0.95)];
    Object.assign(seen, { echoes: times.length, p95 });
    if (median === null || p95 === null) return;
    result.roundTrip = { median, p95, count: times.length, asked: ECHOES };
    if (!job.withThroughput) return;
    enter("throughput");
    const bulk = await throughput(pair, BULK_TIME, signal);
    seen.bulkBytes = bulk.bytes;
    result.throughput = { megabits: megabits(bulk.bytes, bulk.milliseconds), bytes: bulk.bytes };
  } finally {
    pair.close();
  }
}

/**
 * Asks what the errors leave open.
 *
 * @param {import("./verdict.js").Evidence} seen
 * @param {AbortSignal} signal
 */
async function findCause(seen, signal) {
  const { address } = seen;
  if (!isRejected(seen)) return;
  if (isSecure(address)) seen.port = await portBehindTls(address, signal);
  if (seen.port === "unknown" && !isLiteral(address.host)) seen.resolves = await resolves(address, signal);
}
