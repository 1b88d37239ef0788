import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff } from "../../../web/call/later.js";
import { overall, Repair } from "../../../web/call/repair.js";

function setting() {
  const waits = [];
  let restarts = 0;
  const repair = new Repair(() => (restarts += 1), (run, ms) => {
    const wait = { run, ms, live: true };
    waits.push(wait);
    return () => (wait.live = false);
  });
  return { repair, waits, restarts: () => restarts, last: () => waits.at(-1) };
}

test("an interruption has three seconds to mend itself", () => {
  const { repair, last, restarts } = setting();
  repair.watch("disconnected");
  assert.deepEqual([last().ms, last().live], [3000, true]);
  repair.watch("connected");
  assert.equal(last().live, false);
  repair.watch("disconnected");
  last().run();
  assert.equal(restarts(), 1);
});

test("a failure is restarted at once, then after longer and longer waits, and anew after a success", () => {
  const { repair, waits } = setting();
  for (let i = 0; i < 8; i += 1) {
    repair.watch("failed");
    repair.watch("connecting");
  }
  assert.deepEqual(waits.map(({ ms }) => ms), [0, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  repair.watch("connected");
  repair.watch("failed");
  assert.equal(waits.at(-1).ms, 0);
});

test("a closed connection is left alone", () => {
  const { repair, waits } = setting();
  repair.watch("failed");
  repair.watch("closed");
  assert.deepEqual(waits.map(({ live }) => live), [false]);
});

test("the worse of two states counts", () => {
  const of = (connectionState, iceConnectionState) => overall({ connectionState, iceConnectionState });
  assert.equal(of("connected", "connected"), "connected");
  assert.equal(of("connected", "disconnected"), "disconnected");
  assert.equal(of("connecting", "failed"), "failed");
  assert.equal(of("failed", "connected"), "failed");
  assert.equal(of("closed", "disconnected"), "closed");
  assert.equal(of("connecting", "completed"), "connecting");
});

test("waits double up to half a minute", () => {
  assert.deepEqual([0, 1, 4, 5, 50].map(backoff), [1000, 2000, 16000, 30000, 30000]);
});
