// @ts-check
/** What the user name of a TURN credential tells, which is all that may leave this page. */

/** @typedef {{kind: "none"} | {kind: "static"} | {kind: "time-limited", expires: number}} Account */

/**
 * Time-limited credentials have the user name `EXPIRY:NAME`, EXPIRY in seconds since 1970. The separator may be
 * another (turnserver.conf: rest-api-separator).
 *
 * @param {string} username
 * @returns {Account}
 */
export function accountOf(username) {
  if (username === "") return { kind: "none" };
  const expiry = /^(\d{9,11})(?:\D|$)/.exec(username);
  return expiry ? { kind: "time-limited", expires: Number(expiry[1]) } : { kind: "static" };
}

/**
 * How far the clock of a web server is ahead of this one, in whole seconds, by its `Date` header.
 *
 * @param {string | null} date the header
 * @param {number} before this clock in milliseconds since 1970 when the request was sent
 * @param {number} after and when the answer came
 * @returns {number | null} `null` if the header tells nothing
 */
export function clockSkew(date, before, after) {
  const told = Date.parse(date ?? "");
  if (Number.isNaN(told)) return null;
  // The header leaves out the fraction: half a second is the best guess.
  return Math.round((told + 500 - (before + after) / 2) / 1000);
}
