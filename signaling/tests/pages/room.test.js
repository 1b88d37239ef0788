import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";
import { hashOf, isRoomName, nameOf, placeOf, randomName } from "../../../web/call/room.js";

// Browsers have it, and Node from 20 on.
globalThis.crypto ??= /** @type {Crypto} */ (webcrypto);

test("names that the server takes", () => {
  for (const name of ["a", "blue_2-X", "x".repeat(64)]) assert.ok(isRoomName(name), name);
  for (const name of ["", "x".repeat(65), "a b", "ä", "a\n", "<b>", "房"]) assert.ok(!isRoomName(name), name);
});

test("a suggested name holds 128 bits and is a name", () => {
  assert.equal(nameOf(new Uint8Array(16).fill(255)), "_____________________w");
  assert.equal(nameOf(new Uint8Array(16)), "A".repeat(22));
  assert.ok(isRoomName(randomName()));
  assert.notEqual(randomName(), randomName());
});

test("links: the fragment is asked before the query", () => {
  assert.deepEqual(placeOf({ hash: "#room=blue&token=1.a-_", search: "" }), { room: "blue", token: "1.a-_" });
  assert.deepEqual(placeOf({ hash: "", search: "?room=red" }), { room: "red", token: "" });
  assert.deepEqual(placeOf({ hash: "#room=blue", search: "?room=red&token=x" }), { room: "blue", token: "x" });
  assert.deepEqual(placeOf({ hash: "", search: "" }), { room: "", token: "" });
});

test("a link is read as it was written", () => {
  for (const place of [{ room: "blue", token: "" }, { room: "b_-9", token: "1700000000.abc-_" }]) {
    assert.deepEqual(placeOf({ hash: hashOf(place), search: "" }), place);
  }
  assert.equal(hashOf({ room: "blue", token: "" }), "#room=blue");
});
