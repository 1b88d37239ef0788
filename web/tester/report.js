// @ts-check
/** Results for others to read: never a password, and of a user name only its kind. */

/**
 * @typedef {object} Run
 * @property {string} date ISO 8601
 * @property {string} browser
 * @property {number} skew seconds that the web server's clock is ahead
 * @property {import("./run.js").Result[]} results
 */

/**
 * The texts of a result.
 *
 * @typedef {object} Words
 * @property {string} says
 * @property {string} cause
 * @property {string[]} options
 * @property {string} account
 * @property {{name: string, value: string}[]} steps
 */

/**
 * @param {Run} run
 * @param {(result: import("./run.js").Result) => Words} wordsOf
 * @returns {string}
 */
export function toJson({ date, browser, skew, results }, wordsOf) {
  const now = Date.parse(date) / 1000;
  const rows = results.map((result) => {
    const { says, cause, options } = wordsOf(result);
    return {
      url: result.url,
      verdict: result.verdict?.code ?? null,
      says,
      cause,
      options,
      account: kindOf(result.account, now),
      allocateMs: rounded(result.allocateMs),
      connectMs: rounded(result.connectMs),
      roundTripMs: result.roundTrip && {
        median: rounded(result.roundTrip.median),
        p95: rounded(result.roundTrip.p95),
        count: result.roundTrip.count,
        asked: result.roundTrip.asked,
      },
      throughputMbps: rounded(result.throughput?.megabits ?? null),
    };
  });
  return `${JSON.stringify({ date, browser, clockSkewSeconds: skew, results: rows }, null, 2)}\n`;
}

/** @param {import("./credential.js").Account} account @param {number} now */
function kindOf(account, now) {
  if (account.kind !== "time-limited") return { kind: account.kind };
  return { kind: account.kind, expiresInSeconds: Math.round(account.expires - now) };
}

/** @param {number | null} value */
function rounded(value) {
  return value === null ? null : Math.round(value * 10) / 10;
}

/**
 * @param {Run} run
 * @param {(result: import("./run.js").Result) => Words} wordsOf
 * @param {{title: string, options: string}} labels
 * @returns {string}
 */
export function toMarkdown({ date, browser, results }, wordsOf, labels) {
  const lines = [`# ${labels.title}`, "", `${date}, ${code(browser)}`];
  for (const result of results) {
    const { says, cause, options, account, steps } = wordsOf(result);
    lines.push("", `## ${code(result.url)}`, "", `**${escaped(says)}** (${code(result.verdict?.code ?? "?")})`, "");
    lines.push(escaped(cause));
    if (options.length) lines.push("", `${escaped(labels.options)} ${options.map(code).join(", ")}`);
    lines.push("");
    if (account) lines.push(`* ${escaped(account)}`);
    for (const { name, value } of steps) if (value) lines.push(`* ${escaped(name)}: ${escaped(value)}`);
  }
  return `${lines.join("\n").replace(/\n{3,}/g, "\n\n").trimEnd()}\n`;
}

/** @param {string} words */
function escaped(words) {
  return words.replace(/[\\`*_[\]<>#|]/g, "\\$&");
}

/** @param {string} words as code, which nothing in it can end: typed by hand, it may hold anything */
function code(words) {
  const longest = Math.max(0, ...(words.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(longest + 1);
  const gap = longest > 0 ? " " : "";
  return `${fence}${gap}${words}${gap}${fence}`;
}
