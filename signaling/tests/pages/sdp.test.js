import assert from "node:assert/strict";
import { test } from "node:test";
import { fingerprints, inRole, roleOf, samePage } from "../../../web/call/sdp.js";

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

test("the role is what the answer says, of whichever end", () => {
  const described = (type, setup) => ({ type, sdp: `v=0\r\na=setup:${setup}\r\n` });
  assert.equal(roleOf(described("answer", "active"), described("offer", "actpass")), "active");
  assert.equal(roleOf(described("answer", "passive"), described("offer", "actpass")), "passive");
  assert.equal(roleOf(described("offer", "actpass"), described("answer", "active")), "passive");
  assert.equal(roleOf(described("offer", "active"), described("answer", "passive")), "active");
  assert.equal(roleOf(null, null), null);
  assert.equal(roleOf({ type: "offer", sdp: "" }, { type: "answer", sdp: "v=0" }), null);
});

test("an offer says a settled role, in every section", () => {
  const offer = "v=0\r\na=setup:actpass\r\nm=x\r\na=setup:actpass\r\n";
  assert.equal(inRole(offer, null), offer);
  assert.equal(inRole(offer, "active"), offer.replaceAll("actpass", "active"));
});
