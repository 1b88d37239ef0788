// @ts-check
/** What a verdict says, in the language of the page. */

import { language, text } from "../shared/language.js";

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

/**
 * @param {import("./verdict.js").Verdict} verdict
 * @returns {{says: string, cause: string, options: string[]}} `cause` is one or more sentences
 */
export function words({ says, cause, notes, options, values }) {
  const filled = { ...values, when: typeof values.seconds === "number" ? relative(values.seconds) : "" };
  const gap = language() === "zh" ? "" : " ";
  return {
    says: text(says, filled),
    cause: [cause, ...notes].map((key) => text(key, filled)).join(gap),
    options,
  };
}

/**
 * @param {number} seconds from now; negative: ago
 * @returns {string} like `3 minutes ago`
 */
export function relative(seconds) {
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS[UNITS.length - 1];
  return new Intl.RelativeTimeFormat(language()).format(Math.round(seconds / length), unit);
}

/** @param {import("./credential.js").Account} account @param {number} now seconds since 1970 */
export function accountWords(account, now) {
  if (account.kind === "none") return "";
  if (account.kind === "static") return text("tester.account.static");
  const when = relative(account.expires - now);
  return text(account.expires > now ? "tester.account.expires" : "tester.account.expired", { when });
}
