// @ts-check
/** The steps of a test as the page shows them. */

import { SLOW } from "./verdict.js";

/** @typedef {"waiting" | "running" | "slow" | "good" | "bad" | "skipped"} StepState */
/** @typedef {{name: string, state: StepState, value: {key: string, values: Record<string, string | number>} | null}} Step */

const ORDER = ["parse", "allocate", "connect", "roundTrip", "throughput"];

/** @type {Record<string, string>} */
const NAMES = {
  parse: "tester.step.parse",
  allocate: "tester.step.allocate",
  connect: "tester.step.connect",
  roundTrip: "tester.step.roundTrip",
  throughput: "tester.step.throughput",
};

/** @param {import("./run.js").Result} result @returns {Step[]} */
export function stepsOf(result) {
  const shown = ORDER.filter((step) => {
    if (step === "throughput") return result.withThroughput && !result.isStun;
    return step === "parse" || step === "allocate" || !result.isStun;
  });
  const has = shown.map((step) => isThere(result, step));
  const firstMissing = has.indexOf(false);
  return shown.map((step, index) => ({
    name: result.isStun && step === "allocate" ? "tester.step.answer" : NAMES[step],
    state: has[index] ? reached(result, step) : missing(result, index === firstMissing),
    value: has[index] ? valueOf(result, step) : null,
  }));
}

/** @param {import("./run.js").Result} result @param {string} step */
function isThere(result, step) {
  switch (step) {
    case "parse": return result.isSyntaxGood;
    case "allocate": return result.allocateMs !== null;
    case "connect": return result.connectMs !== null;
    case "roundTrip": return result.roundTrip !== null;
    default: return result.throughput !== null;
  }
}

/** @param {import("./run.js").Result} result @param {string} step @returns {StepState} */
function reached(result, step) {
  const took = step === "allocate" ? result.allocateMs : step === "connect" ? result.connectMs : 0;
  if (step === "throughput" && result.verdict?.code === "large-lost") return "bad";
  if (step === "roundTrip") return roundTripState(result);
  return (took ?? 0) > SLOW ? "slow" : "good";
}

/** @param {import("./run.js").Result} result @returns {StepState} */
function roundTripState({ roundTrip, verdict }) {
  if (!roundTrip || roundTrip.count === roundTrip.asked) return verdict?.cause === "tester.cause.slowData" ? "slow" : "good";
  return verdict?.level === "bad" ? "bad" : "slow";
}

/** @param {import("./run.js").Result} result @param {boolean} isFirst @returns {StepState} */
function missing(result, isFirst) {
  if (result.phase === "done") return isFirst && result.verdict?.level === "bad" ? "bad" : "skipped";
  if (result.phase === "waiting" || !isFirst) return "waiting";
  return result.isSlow ? "slow" : "running";
}

/** @param {import("./run.js").Result} result @param {string} step @returns {Step["value"]} */
function valueOf({ allocateMs, connectMs, roundTrip, throughput }, step) {
  if (step === "allocate") return { key: "tester.milliseconds", values: { value: short(allocateMs ?? 0) } };
  if (step === "connect") return { key: "tester.milliseconds", values: { value: short(connectMs ?? 0) } };
  if (step === "roundTrip" && roundTrip) {
    return { key: "tester.roundTrips", values: { median: short(roundTrip.median), p95: short(roundTrip.p95) } };
  }
  if (step === "throughput" && throughput) return { key: "tester.megabits", values: { value: throughput.bytes ? short(throughput.megabits) : "0" } };
  return null;
}

/** @param {number} value @returns {string} with as many decimals as tell something */
function short(value) {
  // Firefox counts whole milliseconds.
  if (value === 0) return "<1";
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}
