// @ts-check
/** From what a test saw to what it means: pure, so that every row can be tested without a server that is broken. */

import { isLiteral, isSecure, isStun } from "./url.js";

/**
 * @typedef {object} IceError
 * @property {number} code a STUN error code, or 701 for a server that could not be reached
 * @property {string} text the browser's words, empty in Firefox
 * @property {number} at milliseconds since gathering began
 */

/**
 * What a test of one URL saw.
 *
 * @typedef {object} Evidence
 * @property {import("./url.js").Address} address
 * @property {import("./credential.js").Account} account
 * @property {IceError[]} errors
 * @property {[number, number]} relays relay candidates of each end
 * @property {boolean} reflexive whether there was a server-reflexive candidate
 * @property {boolean} gathered whether both ends said that there is no more to come
 * @property {number | null} allocateMs
 * @property {"not tried" | "connecting" | "connected" | "failed"} connection
 * @property {number | null} connectMs until it was connected or had failed
 * @property {number} asked small messages that were to come back, one after the other
 * @property {number} echoes how many of them did in the time there was
 * @property {number | null} p95 milliseconds that all but one in twenty of those took at most
 * @property {number | null} bulkBytes that arrived while as much as possible was sent; `null`: not tried
 * @property {"unknown" | "plain" | "trusted"} port what else answers where TLS failed: TURN without TLS, HTTPS
 * @property {boolean | null} resolves whether the name has an address; `null`: not asked
 */

/** @typedef {"good" | "warn" | "bad" | "none"} Level */

/**
 * @typedef {object} Row
 * @property {string} code stable, for programs
 * @property {Level} level
 * @property {string} says key of the verdict
 * @property {string} cause key of the likely cause
 * @property {string[]} options of turnserver.conf, where to look
 */

/** @typedef {Row & {values: Record<string, string | number>, notes: string[]}} Verdict */

/** Milliseconds after which something that works is slow. */
export const SLOW = 3000;
/** Milliseconds that each of allocating, connecting and the small messages may take. */
export const LIMIT = 10_000;

/** A browser that fails sooner had an answer: 403. Firefox waits 5 s for more candidates before it says so. */
const REFUSED_WITHIN = 6500;
/** An unresolved name is known sooner, a silent server later. */
export const LOOKUP_WITHIN = 2500;
/** A port that is closed is known sooner; Firefox gives up on a silent one before we do. */
const CLOSED_WITHIN = 5000;
/** Seconds by which clocks may differ before it is worth a word. */
const SKEW = 30;
/** Milliseconds there and back after which people who talk get in each other's way, and more. */
const SLOW_ROUND_TRIP = 1000;
/** Fewer bytes in the time of a measurement than any path carries that carries large packets. */
const BULK = 16_384;

/** @type {Record<string, Row>} */
const ROWS = {
  ok: row("ok", "good", "tester.says.ok", "tester.cause.ok"),
  slow: row("slow", "warn", "tester.says.slow", "tester.cause.slow"),
  slowData: row("slow", "warn", "tester.says.slow", "tester.cause.slowData", "max-bps", "bps-capacity"),
  lossy: row("lossy", "warn", "tester.says.lossy", "tester.cause.lossy", "max-bps", "sock-buf-size"),
  mostlyLost: row("lossy", "bad", "tester.says.lossy", "tester.cause.lossy", "max-bps", "sock-buf-size"),
  wrong: row("credential-wrong", "bad", "tester.says.wrong", "tester.cause.wrong", "user", "static-auth-secret", "realm"),
  expired: row("credential-expired", "bad", "tester.says.expired", "tester.cause.expired", "static-auth-secret"),
  quota: row("quota", "bad", "tester.says.quota", "tester.cause.quota", "user-quota", "total-quota"),
  ports: row("no-ports", "bad", "tester.says.ports", "tester.cause.ports", "min-port", "max-port", "relay-ip"),
  otherError: row("server-error", "bad", "tester.says.otherError", "tester.cause.otherError", "verbose"),
  unresolved: row("unresolved", "bad", "tester.says.unresolved", "tester.cause.unresolved"),
  closed: row("closed-port", "bad", "tester.says.closed", "tester.cause.closed", "listening-port", "listening-ip", "no-tcp"),
  closedTls: row(
    "closed-port", "bad", "tester.says.closed", "tester.cause.closedTls", "tls-listening-port", "cert", "pkey", "no-tls",
  ),
  untrusted: row("untrusted", "bad", "tester.says.untrusted", "tester.cause.untrusted", "cert", "pkey", "self-signed"),
  notTurn: row("not-turn", "bad", "tester.says.notTurn", "tester.cause.notTurn", "tls-listening-port"),
  silent: row("silent", "bad", "tester.says.silent", "tester.cause.silent", "listening-port", "listening-ip", "no-udp"),
  silentTcp: row("silent", "bad", "tester.says.silent", "tester.cause.silentTcp", "listening-port", "listening-ip"),
  silentStun: row("silent", "bad", "tester.says.silent", "tester.cause.silent", "listening-port", "listening-ip", "no-stun"),
  nothing: row("nothing", "bad", "tester.says.nothing", "tester.cause.nothing"),
  refused: row(
    "refused-peer", "bad", "tester.says.refused", "tester.cause.refused",
    "denied-peer-ip", "allowed-peer-ip", "allow-loopback-peers", "external-ip",
  ),
  noPath: row("no-path", "bad", "tester.says.noPath", "tester.cause.noPath", "external-ip", "min-port", "max-port"),
  noData: row("no-data", "bad", "tester.says.noData", "tester.cause.noData", "verbose"),
  large: row("large-lost", "bad", "tester.says.large", "tester.cause.large"),
  stunOk: row("ok", "good", "tester.says.stunOk", "tester.cause.stunOk"),
  untold: row("unknown", "none", "tester.says.untold", "tester.cause.untold"),
  stopped: row("stopped", "none", "tester.says.stopped", "tester.cause.stopped"),
  scheme: row("syntax", "bad", "tester.says.syntax", "tester.cause.scheme"),
  stuns: row("syntax", "bad", "tester.says.syntax", "tester.cause.stuns"),
  slashes: row("syntax", "bad", "tester.says.syntax", "tester.cause.slashes"),
  host: row("syntax", "bad", "tester.says.syntax", "tester.cause.host"),
  port: row("syntax", "bad", "tester.says.syntax", "tester.cause.port"),
  transport: row("syntax", "bad", "tester.says.syntax", "tester.cause.transport"),
  "stun-transport": row("syntax", "bad", "tester.says.syntax", "tester.cause.stunTransport"),
  username: row("syntax", "bad", "tester.says.syntax", "tester.cause.username"),
  browser: row("syntax", "bad", "tester.says.syntax", "tester.cause.browser"),
};

/** @param {string} code @param {Level} level @param {string} says @param {string} cause @param {...string} options @returns {Row} */
function row(code, level, says, cause, ...options) {
  return { code, level, says, cause, options };
}

/**
 * @param {string} name of a row
 * @param {Record<string, string | number>} [values] for its texts; `seconds` is a time relative to now
 * @param {string[]} [notes] keys of further sentences
 * @returns {Verdict}
 */
function verdict(name, values = {}, notes = []) {
  return { ...ROWS[name], values, notes };
}

/**
 * A URL that is not tested.
 *
 * @param {import("./url.js").UrlProblem | "username" | "browser" | "stopped"} problem
 */
export function refusal(problem) {
  return verdict(problem);
}

/**
 * @param {Evidence} seen
 * @param {number} now seconds since 1970 by this machine's clock
 * @param {number} skew seconds that the web server's clock is ahead of it
 * @returns {Verdict}
 */
export function judge(seen, now, skew) {
  const { address } = seen;
  const notes = address.scheme === "turns" && address.transport === "udp" ? ["tester.note.dtls"] : [];
  const values = { host: address.host, port: address.port };
  const found = isStun(address) ? judgeStun(seen) : judgeTurn(seen, now + skew, skew);
  return { ...found, values: { ...values, ...found.values }, notes: [...notes, ...found.notes] };
}

/** @param {Evidence} seen */
function judgeStun(seen) {
  if (seen.reflexive) return verdict("stunOk");
  if (isUnresolved(seen)) return verdict("unresolved");
  return verdict(seen.gathered && seen.errors.length === 0 ? "untold" : "silentStun");
}

/** @param {Evidence} seen @param {number} now @param {number} skew */
function judgeTurn(seen, now, skew) {
  if (seen.relays[0] === 0 || seen.relays[1] === 0) return judgeAllocation(seen, now, skew);
  if (seen.connection === "failed" && (seen.connectMs ?? 0) <= REFUSED_WITHIN) return verdict("refused");
  if (seen.connection !== "connected") return verdict("noPath");
  if (seen.echoes === 0) return verdict("noData");
  const isMostlyLost = seen.echoes * 2 < seen.asked;
  if (!isMostlyLost && seen.bulkBytes !== null && seen.bulkBytes < BULK) return verdict("large");
  const codes = refusals(seen);
  const notes = codes.length ? ["tester.note.partly"] : [];
  const values = { code: codes.join(", "), echoes: seen.echoes, asked: seen.asked, p95: Math.round(seen.p95 ?? 0) };
  return verdict(isMostlyLost ? "mostlyLost" : howWell(seen), values, notes);
}

/** @param {Evidence} seen where at least half of the messages came back @returns {string} the name of a row */
function howWell({ asked, echoes, allocateMs, connectMs, p95 }) {
  if (echoes < asked) return "lossy";
  if ((allocateMs ?? 0) > SLOW || (connectMs ?? 0) > SLOW) return "slow";
  return (p95 ?? 0) > SLOW_ROUND_TRIP ? "slowData" : "ok";
}

/** @param {Evidence} seen @param {number} now @param {number} skew */
function judgeAllocation(seen, now, skew) {
  const codes = refusals(seen);
  if (codes.includes(401)) return judgeCredential(seen.account, now, skew);
  if (codes.includes(486)) return verdict("quota");
  // Firefox says 65535 for 508.
  if (codes.includes(508) || codes.includes(65535)) return verdict("ports");
  if (codes.length) return verdict("otherError", { code: codes[0] });
  if (isUnresolved(seen)) return verdict("unresolved");
  const failed = seen.errors.at(-1);
  if (isRejected(seen)) return isSecure(seen.address) ? judgeTls(seen) : verdict("closed");
  if (seen.address.transport === "tcp" || isSecure(seen.address)) {
    return verdict(seen.gathered && !failed ? "nothing" : "silentTcp");
  }
  // Neither a lookup nor a wait: the browser did not send anything.
  const isSilent = !seen.gathered || (failed && failed.at >= LOOKUP_WITHIN);
  return verdict(isSilent ? "silent" : "nothing");
}

/** @param {import("./credential.js").Account} account @param {number} now @param {number} skew */
function judgeCredential(account, now, skew) {
  const notes = [];
  if (account.kind === "time-limited" && Math.abs(skew) > SKEW) notes.push("tester.note.skew");
  if (account.kind !== "time-limited") return verdict("wrong", {}, notes);
  const seconds = account.expires - now;
  if (seconds <= 0) return verdict("expired", { seconds, skew }, notes);
  return verdict("wrong", { seconds, skew }, ["tester.note.notExpired", ...notes]);
}

/** @param {Evidence} seen */
function judgeTls(seen) {
  if (seen.port === "plain") return verdict("untrusted");
  return verdict(seen.port === "trusted" ? "notTurn" : "closedTls");
}

/** @param {Evidence} seen @returns {number[]} the codes of a server's answers, each once */
function refusals(seen) {
  return [...new Set(seen.errors.map(({ code }) => code).filter((code) => code !== 701))];
}

/** @param {Evidence} seen */
function isUnresolved(seen) {
  if (isLiteral(seen.address.host)) return false;
  if (seen.resolves !== null) return !seen.resolves;
  // Over TCP browsers tell a name that is not known and a closed port in the same words.
  return seen.address.transport === "udp" && seen.errors.some(isLookup);
}

/** @param {Evidence} seen @returns {boolean} whether a connection over TCP or TLS failed so soon that the port may be closed */
export function isRejected({ address, errors, gathered }) {
  if (address.transport === "udp" && !isSecure(address)) return false;
  // A name may have several addresses: one may be closed and the next one silent.
  return gathered && errors.length > 0 && errors.every(({ code, at }) => code === 701 && at < CLOSED_WITHIN);
}

/**
 * Whether a server that is asked over UDP failed by its name. Only for names: where nothing is looked up, an early
 * error of Firefox means that it may not use the interface.
 *
 * @param {IceError} error
 */
export function isLookup(error) {
  return error.code === 701 && (/lookup/i.test(error.text) || (error.text === "" && error.at < LOOKUP_WITHIN));
}
