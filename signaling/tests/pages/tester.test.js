/** What the TURN test concludes, without a browser and without a server. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { accountOf, clockSkew } from "../../../web/tester/credential.js";
import { linkWith, readFragment } from "../../../web/tester/link.js";
import { megabits, percentile } from "../../../web/tester/numbers.js";
import { toJson, toMarkdown } from "../../../web/tester/report.js";
import { untested } from "../../../web/tester/run.js";
import { eachUrl, ownServers, readAnswer, readServers, SiteError } from "../../../web/tester/site.js";
import { stepsOf } from "../../../web/tester/steps.js";
import { parseUrl, urlsOf } from "../../../web/tester/url.js";
import { isRejected, judge, refusal } from "../../../web/tester/verdict.js";
import { STRINGS } from "../../../web/shared/strings.js";

const NOW = 1_800_000_000;

/** What a test of `url` saw that got no relay, but for `differences`. */
function seen(url, differences = {}) {
  const address = parseUrl(url);
  assert.equal(typeof address, "object", url);
  return {
    address,
    account: { kind: "static" },
    errors: [],
    relays: [0, 0],
    reflexive: false,
    gathered: true,
    allocateMs: null,
    connection: "not tried",
    connectMs: null,
    asked: 20,
    echoes: 0,
    p95: null,
    bulkBytes: null,
    port: "unknown",
    resolves: null,
    ...differences,
  };
}

/** What a test saw where everything works, but for `differences`. */
function working(differences = {}) {
  const good = { relays: [2, 1], allocateMs: 50, connection: "connected", connectMs: 40, echoes: 20, p95: 12, bulkBytes: 9e6 };
  return seen("turn:turn.example:3478", { ...good, ...differences });
}

const error = (code, at = 60, text = "") => ({ code, at, text });
const codeOf = (evidence, skew = 0) => judge(evidence, NOW, skew).code;
const causeOf = (evidence) => judge(evidence, NOW, 0).cause;

test("what works is ok, and what takes more than three seconds is slow", () => {
  assert.equal(codeOf(working()), "ok");
  assert.equal(codeOf(working({ bulkBytes: null })), "ok");
  assert.equal(codeOf(working({ allocateMs: 3000, connectMs: 3000 })), "ok");
  assert.equal(codeOf(working({ allocateMs: 3001 })), "slow");
  assert.equal(codeOf(working({ connectMs: 3001 })), "slow");
});

test("fewer echoes than were asked for are told, and most of them missing is a fault", () => {
  const levels = (differences) => {
    const { code, level, values } = judge(working(differences), NOW, 0);
    return [code, level, `${values.echoes} of ${values.asked}`];
  };
  assert.deepEqual(levels({ echoes: 19 }), ["lossy", "warn", "19 of 20"]);
  assert.deepEqual(levels({ echoes: 10, p95: 4000, connectMs: 4000 }), ["lossy", "warn", "10 of 20"]);
  assert.deepEqual(levels({ echoes: 9 }), ["lossy", "bad", "9 of 20"]);
  assert.deepEqual(levels({ echoes: 1, bulkBytes: 0 }), ["lossy", "bad", "1 of 20"]);
  assert.equal(codeOf(working({ echoes: 12, bulkBytes: 0 })), "large-lost");
  // What the step says.
  const states = (count, level, cause = "") =>
    stepsOf(done("turn:a", { roundTrip: { median: 1, p95: 2, count, asked: 20 }, verdict: { level, cause } }))[3].state;
  assert.deepEqual([states(20, "good"), states(19, "warn"), states(1, "bad")], ["good", "slow", "bad"]);
  assert.equal(states(20, "warn", judge(working({ p95: 1001 }), NOW, 0).cause), "slow");
});

test("more than a second there and back is slow", () => {
  assert.equal(codeOf(working({ p95: 1000 })), "ok");
  const found = judge(working({ p95: 1000.6 }), NOW, 0);
  assert.deepEqual([found.code, found.level, found.values.p95], ["slow", "warn", 1001]);
  assert.notEqual(found.cause, causeOf(working({ connectMs: 3001 })));
});

test("a refusal beside relays is a note and no verdict", () => {
  const found = judge(working({ errors: [error(486), error(486), error(701)] }), NOW, 0);
  assert.equal(found.code, "ok");
  assert.deepEqual(found.notes, ["tester.note.partly"]);
  assert.equal(found.values.code, "486");
  assert.deepEqual(judge(working({ errors: [error(701)] }), NOW, 0).notes, []);
});

test("401 is a wrong credential, or one whose time is over by the clock of the site", () => {
  const refused = (account) => seen("turn:turn.example", { errors: [error(401)], account });
  const until = (expires) => refused({ kind: "time-limited", expires });
  assert.equal(codeOf(refused({ kind: "static" })), "credential-wrong");
  assert.equal(codeOf(until(NOW - 180)), "credential-expired");
  assert.equal(judge(until(NOW - 180), NOW, 0).values.seconds, -180);
  assert.equal(codeOf(until(NOW)), "credential-expired");
  assert.equal(codeOf(until(NOW + 1)), "credential-wrong");
  assert.deepEqual(judge(until(NOW + 60), NOW, 0).notes, ["tester.note.notExpired"]);
  // This machine's clock is behind.
  assert.equal(codeOf(until(NOW + 60), 90), "credential-expired");
  assert.deepEqual(judge(until(NOW + 60), NOW, 90).notes, ["tester.note.skew"]);
  // It is ahead.
  assert.equal(codeOf(until(NOW - 60), -90), "credential-wrong");
  assert.deepEqual(judge(until(NOW - 60), NOW, -90).notes, ["tester.note.notExpired", "tester.note.skew"]);
  assert.deepEqual(judge(refused({ kind: "static" }), NOW, 90).notes, []);
});

test("quota, no ports, and other answers of the server", () => {
  assert.equal(codeOf(seen("turn:a", { errors: [error(486)] })), "quota");
  assert.equal(codeOf(seen("turn:a", { errors: [error(508)] })), "no-ports");
  assert.equal(codeOf(seen("turn:a", { errors: [error(65535)] })), "no-ports");
  assert.equal(codeOf(seen("turn:a", { errors: [error(508), error(701)], relays: [1, 0] })), "no-ports");
  assert.equal(codeOf(seen("turn:a", { errors: [error(486)], relays: [0, 1], gathered: false })), "quota");
  const other = judge(seen("turn:a", { errors: [error(701), error(442)] }), NOW, 0);
  assert.deepEqual([other.code, other.values.code], ["server-error", 442]);
});

test("a name that is not found, in each browser's way to say it", () => {
  const lookup = error(701, 900, "TURN host lookup received error.");
  assert.equal(codeOf(seen("turn:a.example", { errors: [lookup] })), "unresolved");
  assert.equal(codeOf(seen("turn:a.example", { errors: [error(701, 9)] })), "unresolved");
  assert.equal(codeOf(seen("stun:a.example", { errors: [error(701, 9)] })), "unresolved");
  const lost = { errors: [error(701, 70, "Failed to establish connection")] };
  for (const url of ["turn:a.example?transport=tcp", "turns:a.example"]) {
    assert.equal(codeOf(seen(url, { ...lost, resolves: false })), "unresolved");
    assert.equal(codeOf(seen(url, { ...lost, resolves: true })), "closed-port");
  }
});

test("an address is not looked up", () => {
  for (const host of ["192.0.2.1", "[2001:db8::1]"]) {
    assert.equal(codeOf(seen(`turn:${host}`, { errors: [error(701, 9)] })), "nothing");
    assert.equal(codeOf(seen(`stun:${host}`, { errors: [error(701, 9)] })), "silent");
  }
});

test("a closed TCP port, and one that keeps silent", () => {
  assert.equal(codeOf(seen("turn:192.0.2.1?transport=tcp", { errors: [error(701, 120)] })), "closed-port");
  assert.equal(codeOf(seen("turn:192.0.2.1?transport=tcp", { gathered: false })), "silent");
  // One address of a name is closed, the other silent.
  assert.equal(codeOf(seen("turn:a.example?transport=tcp", { errors: [error(701)], gathered: false })), "silent");
  // Firefox gives up by itself.
  assert.equal(codeOf(seen("turn:192.0.2.1?transport=tcp", { errors: [error(701, 9990)] })), "silent");
  assert.equal(codeOf(seen("turns:192.0.2.1", { errors: [error(701, 9990)], port: "unknown" })), "silent");
  assert.equal(codeOf(seen("turn:192.0.2.1?transport=tcp")), "nothing");
});

test("silence over UDP, whether or not the browser gives up before us", () => {
  assert.equal(codeOf(seen("turn:192.0.2.1", { gathered: false })), "silent");
  assert.equal(codeOf(seen("turn:turn.example", { gathered: false })), "silent");
  assert.equal(codeOf(seen("turn:turn.example", { errors: [error(701, 9900)] })), "silent");
  assert.equal(codeOf(seen("turn:192.0.2.1")), "nothing");
});

test("only what failed soon over TCP is asked about further", () => {
  const tcp = "turn:192.0.2.1?transport=tcp";
  assert.ok(isRejected(seen(tcp, { errors: [error(701)] })));
  assert.ok(isRejected(seen("turns:a?transport=udp", { errors: [error(701)] })));
  assert.ok(!isRejected(seen(tcp)));
  assert.ok(!isRejected(seen(tcp, { errors: [error(701, 9990)] })));
  assert.ok(!isRejected(seen(tcp, { errors: [error(701), error(401)] })));
  assert.ok(!isRejected(seen("turn:a", { errors: [error(701)] })));
});

test("TLS that fails: certificate, closed port, or no TURN server", () => {
  const failed = (port) => seen("turns:192.0.2.1", { errors: [error(701, 120)], port });
  assert.equal(codeOf(failed("plain")), "untrusted");
  assert.equal(codeOf(failed("unknown")), "closed-port");
  assert.notEqual(causeOf(failed("unknown")), causeOf(seen("turn:192.0.2.1?transport=tcp", { errors: [error(701)] })));
  assert.equal(codeOf(failed("trusted")), "not-turn");
  // A server that answers with an error has been reached.
  assert.equal(codeOf(seen("turns:192.0.2.1", { errors: [error(401)], port: "plain" })), "credential-wrong");
});

test("a refused peer fails soon, in Firefox after five seconds; a lost one does not fail in time", () => {
  assert.equal(codeOf(working({ connection: "failed", connectMs: 20 })), "refused-peer");
  assert.equal(codeOf(working({ connection: "failed", connectMs: 5100 })), "refused-peer");
  assert.equal(codeOf(working({ connection: "failed", connectMs: 8000 })), "no-path");
  assert.equal(codeOf(working({ connection: "connecting", connectMs: 10_000 })), "no-path");
});

test("a connection that carries nothing, or nothing large", () => {
  assert.equal(codeOf(working({ echoes: 0, bulkBytes: null })), "no-data");
  assert.equal(codeOf(working({ bulkBytes: 0 })), "large-lost");
  assert.equal(codeOf(working({ bulkBytes: 16_384 })), "ok");
});

test("a STUN server answers, or the browser does not tell, or nothing comes", () => {
  assert.equal(codeOf(seen("stun:192.0.2.1", { reflexive: true })), "ok");
  assert.equal(codeOf(seen("stun:192.0.2.1")), "unknown");
  assert.equal(codeOf(seen("stun:192.0.2.1", { gathered: false })), "silent");
  assert.equal(codeOf(seen("stun:a.example", { errors: [error(701, 9500, "STUN binding request timed out.")] })), "silent");
});

test("TLS over UDP is explained, whatever the verdict", () => {
  const url = "turns:192.0.2.1?transport=udp";
  for (const port of ["plain", "unknown"]) {
    assert.deepEqual(judge(seen(url, { errors: [error(701)], port }), NOW, 0).notes, ["tester.note.dtls"]);
  }
});

test("every verdict has its texts, with values for all they name", () => {
  const many = [
    working(), working({ allocateMs: 4000 }), working({ echoes: 1 }), working({ p95: 2000 }), working({ connection: "failed" }), working({ connection: "connecting" }),
    ...[401, 442, 486, 508].map((code) => seen("turn:a", { errors: [error(code)] })),
    seen("turn:a", { errors: [error(401)], account: { kind: "time-limited", expires: 1 } }),
    seen("turns:192.0.2.1", { errors: [error(701)] }),
  ].map((evidence) => judge(evidence, NOW, 0));
  for (const problem of ["scheme", "slashes", "host", "port", "transport", "stun-transport", "stuns", "username", "browser", "stopped"]) {
    many.push(refusal(problem));
  }
  for (const { says, cause, notes, values, code } of many) {
    for (const key of [says, cause, ...notes]) {
      assert.ok(STRINGS[key], `${code}: ${key}`);
      for (const [, name] of STRINGS[key].en.matchAll(/\{(\w+)\}/g)) {
        assert.ok(name in values || (name === "when" && "seconds" in values), `${key} wants ${name}`);
      }
    }
  }
});

test("URLs are read by RFC 7064 and 7065", () => {
  const cases = [
    ["turn:a.example", "turn", "a.example", 3478, "udp"],
    ["turns:a.example", "turns", "a.example", 5349, "tcp"],
    ["TURN:a:443?transport=TCP", "turn", "a", 443, "tcp"],
    ["turns:a:443?transport=udp", "turns", "a", 443, "udp"],
    ["turn:[2001:db8::1]:80", "turn", "[2001:db8::1]", 80, "udp"],
    ["stun:192.0.2.1", "stun", "192.0.2.1", 3478, "udp"],
  ];
  for (const [url, scheme, host, port, transport] of cases) {
    assert.deepEqual(parseUrl(url), { scheme, host, port, transport }, url);
  }
});

test("what is wrong with a URL is told", () => {
  const cases = {
    "http://a": "scheme", "a.example": "scheme", "turn": "scheme", "": "scheme",
    "turn://a": "slashes", "stun://a": "slashes",
    "turn:": "host", "turn:2001:db8::1": "port", "turn:me@a": "host", "turn:a/b": "host", "turn:[a": "host",
    "turn:a:": "port", "turn:a:0": "port", "turn:a:65536": "port", "turn:a:1e3": "port", "turn:a:-1": "port",
    "turn:a?": "transport", "turn:a?transport=sctp": "transport", "turn:a?transport=tcp?x": "transport",
    "stun:a?transport=udp": "stun-transport", "STUNS:a": "stuns",
  };
  for (const [url, problem] of Object.entries(cases)) assert.equal(parseUrl(url), problem, url);
});

test("a text of URLs has each once", () => {
  assert.deepEqual(urlsOf(" turn:a \n\nstun:b\r\nturn:a"), ["turn:a", "stun:b"]);
  assert.deepEqual(urlsOf(" \n"), []);
});

test("time-limited user names are told from others", () => {
  assert.deepEqual(accountOf("1800000000:alice"), { kind: "time-limited", expires: 1_800_000_000 });
  assert.deepEqual(accountOf("1800000000"), { kind: "time-limited", expires: 1_800_000_000 });
  // The separator may be any (rest-api-separator).
  assert.equal(accountOf("1800000000|alice").kind, "time-limited");
  for (const name of ["alice", "alice:1800000000", "12345678:a", "1800000000000:a"]) {
    assert.equal(accountOf(name).kind, "static", name);
  }
  assert.deepEqual(accountOf(""), { kind: "none" });
});

test("the clock's skew is reckoned from the middle of the request", () => {
  const told = Date.UTC(2027, 0, 15, 8, 0, 0);
  const header = new Date(told).toUTCString();
  assert.equal(clockSkew(header, told, told + 1000), 0);
  assert.equal(clockSkew(header, told - 60_000, told - 59_000), 60);
  assert.equal(clockSkew(header, told + 60_000, told + 61_000), -60);
  assert.equal(clockSkew(null, told, told), null);
  assert.equal(clockSkew("soon", told, told), null);
});

test("percentiles are values that were measured", () => {
  assert.equal(percentile([], 0.5), null);
  assert.equal(percentile([7], 0.95), 7);
  assert.equal(percentile([3, 1, 2, 100], 0.5), 2);
  const twenty = Array.from({ length: 20 }, (_, index) => index + 1);
  assert.equal(percentile(twenty, 0.95), 19);
  assert.equal(percentile(twenty, 1), 20);
});

test("bytes in milliseconds are megabits a second", () => {
  assert.equal(megabits(250_000, 2000), 1);
  assert.equal(megabits(1, 0), 0);
});

test("a link carries the URLs there and back, and nothing else", () => {
  const urls = ["turn:a.example:3478?transport=udp", "stun:[2001:db8::1]:3478"];
  const link = linkWith("https://turn.example/test#token=secret", urls);
  assert.ok(link.startsWith("https://turn.example/test#urls="));
  assert.ok(!link.includes("secret"));
  assert.deepEqual(readFragment(new URL(link).hash).urls, urls);
  assert.deepEqual(readFragment("#room=blue&token=1.x"), { urls: [], room: "blue", token: "1.x" });
  assert.deepEqual(readFragment(""), { urls: [], room: null, token: null });
});

test("the site's answer to join", () => {
  const iceServers = [{ urls: ["turn:a", "turn:b"], username: "u", credential: "c" }, { urls: "stun:a" }];
  assert.deepEqual(readAnswer(JSON.stringify(["joined", "r", "id", { iceServers }])), iceServers);
  assert.deepEqual(eachUrl(iceServers).map(({ url, username }) => [url, username]), [["turn:a", "u"], ["turn:b", "u"], ["stun:a", ""]]);
  const refusals = {
    "tester.site.none": ["joined", "r", "id", { count: 1 }],
    "tester.site.forbidden": ["sig_error", { code: "forbidden", event: "join", message: "" }],
    "tester.site.error": ["sig_error", { code: "busy" }],
    "tester.site.full": ["full", "r", "id"],
  };
  for (const [key, message] of Object.entries(refusals)) {
    const heard = readAnswer(JSON.stringify(message));
    assert.ok(heard instanceof SiteError);
    assert.equal(heard.key, key);
    assert.ok(STRINGS[key]);
  }
  for (const other of ["", "{}", "null", '["turn_refresh"]', "[", '"joined"']) assert.equal(readAnswer(other), null, other);
});

/** What the page asks of a site that answers a token with `status`, and what it hears. */
async function asked(entry, status, turn) {
  const said = [];
  const { fetch, WebSocket } = globalThis;
  globalThis.fetch = async (address, { headers }) => {
    said.push(`${address.pathname}${address.search} ${headers.Authorization}`);
    return new Response(JSON.stringify(turn), { status });
  };
  globalThis.WebSocket = class extends EventTarget {
    static OPEN = 1;
    readyState = 1;
    constructor() {
      super();
      setImmediate(() => this.dispatchEvent(new Event("open")));
    }
    send(message) {
      const [command, room, options] = JSON.parse(message);
      said.push(`${command} ${room.replace(/^test-.*/, "empty")} ${options?.token ?? ""}`.trim());
      const answer = JSON.stringify(["joined", room, "id", { iceServers: [{ urls: "turn:joined" }] }]);
      if (command === "join") this.dispatchEvent(Object.assign(new Event("message"), { data: answer }));
    }
    close() {}
  };
  try {
    const signal = new AbortController().signal;
    const heard = await ownServers("https://a.example/test", entry, signal).catch(({ key }) => key);
    return { said, heard: Array.isArray(heard) ? heard[0].urls : heard };
  } finally {
    Object.assign(globalThis, { fetch, WebSocket });
  }
}

test("with a room's token the site is asked, and nobody goes into that room", async () => {
  const guest = { room: "a b", token: "1.x" };
  const question = "/api/turn?room=a%20b Bearer 1.x";
  const turn = { iceServers: [{ urls: "turn:told" }] };
  assert.deepEqual(await asked(guest, 200, turn), { said: [question], heard: "turn:told" });
  // Where it is no token, an empty room may do.
  assert.deepEqual(await asked(guest, 401), { said: [question, "join empty", "leave empty"], heard: "turn:joined" });
  for (const [status, key] of [[404, "none"], [429, "often"], [500, "error"], [200, "none"]]) {
    assert.deepEqual(await asked(guest, status, {}), { said: [question], heard: `tester.site.${key}` });
    assert.ok(STRINGS[`tester.site.${key}`]);
  }
  assert.equal(readServers(502, null).values.code, "502");
});

test("without a token the page joins for a moment", async () => {
  assert.deepEqual((await asked({ room: null, token: null }, 200)).said, ["join empty", "leave empty"]);
  assert.deepEqual((await asked({ room: "blue", token: null }, 200)).said, ["join blue", "leave blue"]);
  assert.deepEqual((await asked({ room: null, token: "1.x" }, 200)).said, ["join empty 1.x", "leave empty"]);
});

const job = (url, username = "1800000000:alice") => ({ url, username, credential: "open-sesame", withThroughput: true, skew: 0 });

/** A result of `url` that is done, but for `differences`. */
function done(url, differences = {}) {
  return { ...untested(job(url)), phase: "done", isSyntaxGood: true, ...differences };
}

test("the steps of a test: behind the first that is missing nothing has been tried", () => {
  const states = (result) => stepsOf(result).map(({ state }) => state);
  const waiting = untested(job("turn:a"));
  assert.deepEqual(states(waiting), ["waiting", "waiting", "waiting", "waiting", "waiting"]);
  const allocating = { ...waiting, phase: "allocate", isSyntaxGood: true };
  assert.deepEqual(states(allocating), ["good", "running", "waiting", "waiting", "waiting"]);
  assert.deepEqual(states({ ...allocating, isSlow: true })[1], "slow");
  const refused = done("turn:a", { allocateMs: 3500, verdict: judge(working({ connection: "failed" }), NOW, 0) });
  assert.deepEqual(states(refused), ["good", "slow", "bad", "skipped", "skipped"]);
  const stopped = done("turn:a", { verdict: refusal("stopped") });
  assert.deepEqual(states(stopped), ["good", "skipped", "skipped", "skipped", "skipped"]);
  assert.deepEqual(states(done("stun:a", { allocateMs: 5 })), ["good", "good"]);
  for (const { name, value } of stepsOf(refused)) {
    assert.ok(STRINGS[name]);
    if (value) assert.ok(STRINGS[value.key]);
  }
});

const wordsOf = (result) => ({
  says: "Works", cause: "It does.", options: ["user-quota"], account: "time-limited", steps: stepsOf(result).map(({ name }) => ({ name, value: "1 ms" })),
});

function run() {
  const verdict = judge(working(), NOW, 0);
  const roundTrip = { median: 0.44, p95: 1.26, count: 20, asked: 20 };
  const good = done("turn:a", { allocateMs: 51.26, connectMs: 40, roundTrip, throughput: { megabits: 87.654, bytes: 1 }, verdict });
  const bad = done("turn:`](x)`", { verdict: refusal("host") });
  return { date: new Date(NOW * 1000 - 60_000).toISOString(), browser: "A Browser", skew: 2, results: [good, bad] };
}

test("the JSON report has the figures, and no secret", () => {
  const json = toJson(run(), wordsOf);
  const { results, browser, clockSkewSeconds } = JSON.parse(json);
  assert.deepEqual([browser, clockSkewSeconds], ["A Browser", 2]);
  assert.deepEqual(results[0], {
    url: "turn:a", verdict: "ok", says: "Works", cause: "It does.", options: ["user-quota"],
    account: { kind: "time-limited", expiresInSeconds: 60 },
    allocateMs: 51.3, connectMs: 40, roundTripMs: { median: 0.4, p95: 1.3, count: 20, asked: 20 }, throughputMbps: 87.7,
  });
  assert.deepEqual([results[1].verdict, results[1].roundTripMs, results[1].throughputMbps], ["syntax", null, null]);
  assert.ok(!json.includes("alice") && !json.includes("open-sesame"));
});

test("the Markdown report has no secret, and a URL cannot break out of it", () => {
  const markdown = toMarkdown(run(), wordsOf, { title: "TURN test", options: "Look at" });
  assert.ok(markdown.startsWith("# TURN test\n"));
  assert.ok(markdown.includes("\n## `turn:a`\n\n**Works** (`ok`)\n"));
  assert.ok(markdown.includes("Look at `user-quota`"));
  assert.ok(markdown.includes("## `` turn:`](x)` ``"));
  assert.ok(!markdown.includes("alice") && !markdown.includes("open-sesame"));
});
