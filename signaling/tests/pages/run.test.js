/** The test of one URL against a browser and a path that take their time, by a clock that the test turns. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { test as testUrl, untested } from "../../../web/tester/run.js";
import { LIMIT } from "../../../web/tester/verdict.js";

const REAL = { setTimeout, clearTimeout, now: performance.now, timeout: AbortSignal.timeout };
const turn = () => new Promise((done) => setImmediate(done));

let now = 0;
let timers = [];
/** What the path does: milliseconds until each, `Infinity` for never. */
let path;
let peers = [];

const after = (ms, run) => void timers.push({ at: now + Math.max(0, ms), run });

/** Turns the clock until `ended` is settled. */
async function play(ended) {
  let isOver = false;
  ended.finally(() => (isOver = true)).catch(() => {});
  for (;;) {
    for (let turns = 0; turns < 5; turns += 1) await turn();
    if (isOver) return ended;
    timers.sort((a, b) => a.at - b.at);
    const next = timers.shift();
    assert.ok(next && next.at < Infinity, "it waits for nothing");
    now = next.at;
    next.run();
  }
}

const told = (target, name, more = {}) => target.dispatchEvent(Object.assign(new Event(name), more));

class Channel extends EventTarget {
  readyState = "connecting";
  bufferedAmount = 0;
  constructor(label) {
    super();
    this.label = label;
  }
  send(data) {
    this.bufferedAmount += data.length;
    if (this.label === "echo") after(path.echo, () => told(this.other, "message", { data }));
  }
}

class Peer extends EventTarget {
  iceGatheringState = "gathering";
  connectionState = "new";
  channels = [];
  constructor() {
    super();
    peers.push(this);
  }
  createDataChannel(label) {
    const [near, far] = [new Channel(label), new Channel(label)];
    Object.assign(near, { other: far });
    Object.assign(far, { other: near, readyState: "open" });
    this.channels.push(near);
    return near;
  }
  async setLocalDescription() {
    if (path.describe) await new Promise((done) => after(path.describe, done));
    this.localDescription = { type: "offer", sdp: "" };
    const candidate = { type: "relay", candidate: "candidate" };
    after(path.allocate, () => told(this, "icecandidate", { candidate }));
  }
  async setRemoteDescription() {}
  async addIceCandidate() {
    const [near, far] = peers;
    if (this !== near) return;
    for (const channel of near.channels) {
      after(path.open, () => {
        channel.readyState = "open";
        told(channel, "open");
      });
      after(path.open + path.far, () => told(far, "datachannel", { channel: channel.other }));
    }
  }
  close() {}
}

beforeEach(() => {
  [now, timers, peers] = [0, [], []];
  globalThis.setTimeout = (run, ms = 0) => {
    const timer = { at: now + Math.max(0, ms), run };
    timers.push(timer);
    return timer;
  };
  globalThis.clearTimeout = (timer) => (timers = timers.filter((other) => other !== timer));
  performance.now = () => now;
  AbortSignal.timeout = (ms) => {
    const controller = new AbortController();
    after(ms, () => controller.abort(new DOMException("", "TimeoutError")));
    return controller.signal;
  };
  globalThis.RTCPeerConnection = Peer;
});

afterEach(() => {
  Object.assign(globalThis, { setTimeout: REAL.setTimeout, clearTimeout: REAL.clearTimeout });
  performance.now = REAL.now;
  AbortSignal.timeout = REAL.timeout;
  delete globalThis.RTCPeerConnection;
});

/** What a test finds on this path, and when it ends. */
async function found(differences, signal = new AbortController().signal) {
  path = { describe: 0, allocate: 10, open: 10, far: 0, echo: 5, ...differences };
  const job = { url: "turn:192.0.2.1", username: "u", credential: "c", withThroughput: true, skew: 0 };
  const result = untested(job);
  await play(testUrl(job, result, { signal, changed() {}, watch() {} }));
  return { ...result, code: result.verdict.code, level: result.verdict.level, took: now };
}

test("a slow path that is dead has no data, whatever the steps before took", async () => {
  const { code, took } = await found({ allocate: 9900, open: 9900, far: 9900, echo: 4950 });
  assert.equal(code, "no-data");
  assert.ok(took <= 3 * LIMIT, `${took} ms`);
});

test("what came back until the time was over is judged", async () => {
  const { code, level, roundTrip } = await found({ echo: 600 });
  assert.deepEqual([code, level, roundTrip], ["lossy", "bad", { median: 1200, p95: 1200, count: 8, asked: 20 }]);
});

test("every step ends in its time", async () => {
  for (const [name, differences, code, most] of [
    ["no relay", { allocate: Infinity }, "silent", LIMIT],
    ["a late relay", { describe: 4000, allocate: 7000 }, "silent", LIMIT],
    ["no way", { open: Infinity }, "no-path", LIMIT + 10],
    ["no channel", { far: Infinity }, "no-data", LIMIT + 20],
    ["no echo", { echo: Infinity }, "no-data", LIMIT + 20],
  ]) {
    const result = await found(differences);
    assert.deepEqual([result.code, result.phase], [code, "done"], name);
    assert.ok(result.took <= most, `${name}: ${result.took} ms`);
    [now, timers, peers] = [0, [], []];
  }
});

test("a browser that is stuck is no verdict, and nor is a test that is stopped", async () => {
  const stuck = await found({ describe: 3 * LIMIT });
  assert.deepEqual([stuck.code, stuck.took], ["stopped", LIMIT]);
  [now, timers, peers] = [0, [], []];
  const stop = new AbortController();
  after(50, () => stop.abort());
  const stopped = await found({ echo: Infinity }, stop.signal);
  assert.deepEqual([stopped.code, stopped.took], ["stopped", 50]);
});
