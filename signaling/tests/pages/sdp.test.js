import assert from "node:assert/strict";
import { test } from "node:test";
import { fingerprints, samePage } from "../../../web/call/sdp.js";

const sdp = (...prints) => ["v=0", "s=-", ...prints.map((print) => `a=fingerprint:${print}`), "m=audio 9 x 0", ""].join("\r\n");

test("fingerprints, once each and in one spelling", () => {
  assert.deepEqual(fingerprints(sdp("sha-256 AA:BB", "SHA-256 aa:bb", "sha-1 01")), ["sha-256 aa:bb", "sha-1 01"]);
  assert.deepEqual(fingerprints("v=0\na=fingerprint:sha-256 AA\n"), ["sha-256 aa"]);
  assert.deepEqual(fingerprints(sdp()), []);
});

test("the same page, another page", () => {
  assert.ok(samePage(sdp("sha-256 AA:BB"), sdp("sha-256 aa:bb")));
  assert.ok(samePage(sdp("sha-256 AA", "sha-256 BB"), sdp("sha-256 BB")));
  assert.ok(!samePage(sdp("sha-256 AA"), sdp("sha-256 BB")));
  assert.ok(!samePage(sdp("sha-256 AA"), sdp("sha-1 AA")));
  assert.ok(samePage(sdp(), sdp("sha-256 BB")));
});
