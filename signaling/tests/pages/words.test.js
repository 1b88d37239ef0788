// Every situation of a call has words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faultOf } from "../../../web/call/media.js";
import { FAULTS, hasRelay, MISSING, problemKey, stateKey, stateMood } from "../../../web/call/words.js";
import { STRINGS } from "../../../web/shared/strings.js";

const CONNECTIONS = [null, "new", "connecting", "connected", "disconnected", "failed", "closed"];

test("every state has a text and a mood", () => {
  const models = [];
  for (const state of ["init", "leaved"]) for (const doing of [null, "media", "join"]) models.push({ state, doing, was: null, peer: false });
  for (const peer of [true, false]) {
    for (const state of ["joined", "joined_conn", "joined_unbind"]) {
      models.push({ state, doing: null, was: null, peer }, { state: "reconnecting", doing: null, was: state, peer });
    }
  }
  for (const model of models) {
    for (const connection of CONNECTIONS) {
      const key = stateKey(model, connection);
      assert.ok(STRINGS[key], key);
      assert.match(stateMood(model, connection), /^(quiet|good|warn|bad)$/);
    }
  }
});

test("every problem has a text that says what to do", () => {
  const codes = ["forbidden", "busy", "rate_limited", "bad_args", "disconnected", "too_large", "unknown_command", "", "__proto__"];
  for (const code of codes) assert.ok(STRINGS[problemKey(code)], code);
});

test("every fault of the devices has a text", () => {
  const names = { NotAllowedError: "refused", SecurityError: "insecure", NotFoundError: "none", NotReadableError: "busy", TypeError: "other" };
  for (const [name, fault] of Object.entries(names)) {
    assert.equal(faultOf({ name }), fault);
    assert.ok(STRINGS[FAULTS[fault]]);
  }
  assert.equal(faultOf(undefined), "other");
  for (const key of Object.values(MISSING)) assert.ok(STRINGS[key]);
});

test("whether there is a relay", () => {
  assert.ok(!hasRelay(undefined));
  assert.ok(!hasRelay([{ urls: "stun:h:3478" }]));
  assert.ok(hasRelay([{ urls: ["stun:h"] }, { urls: ["turns:h:443"] }]));
  assert.ok(hasRelay([{ urls: "turn:h" }]));
});
