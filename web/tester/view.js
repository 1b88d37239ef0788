// @ts-check
/** One card for each URL under test. */

import { element } from "../shared/dom.js";
import { text } from "../shared/language.js";
import { stepsOf } from "./steps.js";
import { accountWords, words } from "./words.js";

/** @type {Record<import("./steps.js").StepState, {mark: string, tone: string, says: string}>} */
const STATES = {
  waiting: { mark: "·", tone: "quiet", says: "tester.state.waiting" },
  running: { mark: "…", tone: "running", says: "tester.state.running" },
  slow: { mark: "!", tone: "warn", says: "tester.state.slow" },
  good: { mark: "✓", tone: "good", says: "tester.state.good" },
  bad: { mark: "✕", tone: "bad", says: "tester.state.bad" },
  skipped: { mark: "–", tone: "quiet", says: "tester.state.skipped" },
};

const MARKS = { good: "✓", warn: "!", bad: "✕", none: "?" };
const TONES = { good: "good", warn: "warn", bad: "bad", none: "quiet" };

/**
 * @param {HTMLElement} card
 * @param {import("./run.js").Result} result
 */
export function draw(card, result) {
  const { verdict } = result;
  card.dataset.url = result.url;
  card.dataset.verdict = verdict?.code ?? "";
  card.dataset.level = verdict?.level ?? "";
  card.replaceChildren(element("h3", {}, element("code", {}, result.url)), ...judgement(result), stepList(result));
}

/** @param {import("./run.js").Result} result */
function judgement(result) {
  const { verdict } = result;
  if (!verdict) {
    const key = result.phase === "waiting" ? "tester.state.waiting" : "tester.state.running";
    return [element("p", { class: "verdict quiet" }, text(key))];
  }
  const { says, cause, options } = words(verdict);
  const account = accountWords(result.account, Date.now() / 1000);
  const parts = [
    element("p", { class: `verdict ${TONES[verdict.level]}` }, mark(MARKS[verdict.level]), says),
    element("p", {}, cause),
  ];
  if (options.length) {
    const names = options.map((name) => element("code", {}, name));
    parts.push(element("p", { class: "options" }, `${text("tester.options")} `, ...names));
  }
  if (account && verdict.code !== "syntax") parts.push(element("p", { class: "quiet" }, account));
  return parts;
}

/** @param {import("./run.js").Result} result */
function stepList(result) {
  const items = stepsOf(result).map(({ name, state, value }) => {
    const { mark: sign, tone, says } = STATES[state];
    return element(
      "li",
      { "data-state": state },
      element("span", { class: tone }, mark(sign), text(name)),
      element("span", { class: value ? "value" : "value quiet" }, value ? text(value.key, value.values) : text(says)),
      ...(value ? [element("span", { class: "visually-hidden" }, text(says))] : []),
    );
  });
  return element("ol", { class: "steps" }, ...items);
}

/** @param {string} sign seen, not read out: the words beside it say the same */
function mark(sign) {
  return element("span", { class: "mark", "aria-hidden": "true" }, sign);
}

/**
 * @param {import("./run.js").Result} result
 * @returns {import("./report.js").Words}
 */
export function allWords(result) {
  const said = result.verdict ? words(result.verdict) : { says: text("tester.state.waiting"), cause: "", options: [] };
  const steps = stepsOf(result).map(({ name, value }) => ({
    name: text(name),
    value: value ? text(value.key, value.values) : "",
  }));
  return { ...said, account: accountWords(result.account, Date.now() / 1000), steps };
}
