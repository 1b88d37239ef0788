import assert from "node:assert/strict";
import { test } from "node:test";
import { runs, scaleTop } from "../../../web/stats/plot.js";
import { read } from "../../../web/stats/reading.js";
import { BadRecording, LONGEST, parse, write } from "../../../web/stats/recording.js";
import { sample, summary } from "../../../web/stats/sample.js";
import { format, pairInWords } from "../../../web/stats/words.js";

/** @param {Record<string, object>} entries */
const report = (entries) => Object.entries(entries);

/** As Chromium tells it. */
const CHROMIUM = {
  T01: {
    type: "transport", selectedCandidatePairId: "CP2", selectedCandidatePairChanges: 2, bytesSent: 1000, bytesReceived: 2000,
    tlsVersion: "FEFC", dtlsCipher: "TLS_AES_128_GCM_SHA256", srtpCipher: "AES_CM_128_HMAC_SHA1_80",
  },
  CP1: { type: "candidate-pair", nominated: true, state: "succeeded", localCandidateId: "L1", remoteCandidateId: "R1" },
  CP2: { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.012, localCandidateId: "L2", remoteCandidateId: "R1" },
  L1: { type: "local-candidate", candidateType: "host", protocol: "udp" },
  L2: {
    type: "local-candidate", candidateType: "relay", protocol: "udp", relayProtocol: "tls", url: "turns:turn.example.org:5349?transport=tcp",
    address: "192.0.2.1", port: 50000,
  },
  R1: { type: "remote-candidate", candidateType: "srflx", address: "198.51.100.2", port: 6000 },
  C1: { type: "codec", mimeType: "video/VP8" },
  C2: { type: "codec", mimeType: "audio/opus" },
  I1: { type: "inbound-rtp", kind: "video", packetsReceived: 90, packetsLost: 10, jitter: 0.004, framesDecoded: 50, frameWidth: 640, frameHeight: 480, freezeCount: 1 },
  I2: { type: "inbound-rtp", kind: "audio", packetsReceived: 100, packetsLost: 0, jitter: 0.002 },
  O1: { type: "outbound-rtp", kind: "video", framesSent: 60, bytesSent: 900 },
  M1: { type: "remote-inbound-rtp", fractionLost: 0.05, roundTripTime: 0.02 },
};

/** As Firefox tells it: no transport, no relay protocol. */
const FIREFOX = {
  p1: { type: "candidate-pair", nominated: true, selected: false, state: "failed", localCandidateId: "l", remoteCandidateId: "r" },
  p2: { type: "candidate-pair", nominated: true, selected: true, state: "succeeded", bytesSent: 10, bytesReceived: 20, localCandidateId: "l", remoteCandidateId: "r" },
  l: { type: "local-candidate", candidateType: "relay", protocol: "udp" },
  r: { type: "remote-candidate", candidateType: "relay" },
};

test("a reading of Chromium's report", () => {
  const reading = read(report(CHROMIUM), 5);
  assert.deepEqual(reading, {
    time: 5,
    pair: {
      localType: "relay", remoteType: "srflx", protocol: "udp", relayProtocol: "tls", url: "turns:turn.example.org:5349?transport=tcp",
      localAddress: "192.0.2.1:50000", remoteAddress: "198.51.100.2:6000",
    },
    pairChanges: 2, security: "DTLS 1.3, TLS_AES_128_GCM_SHA256, AES_CM_128_HMAC_SHA1_80", codecs: ["VP8", "opus"],
    bytesSent: 1000, bytesReceived: 2000, roundTrip: 0.012, jitter: 0.004, packetsReceived: 190, packetsLost: 10, sendingLoss: 0.05,
    framesDecoded: 50, framesSent: 60, width: 640, height: 480, freezes: 1,
  });
  assert.equal(pairInWords(reading.pair), "you: relay over TLS via turns:turn.example.org:5349?transport=tcp ↔ other end: direct, through a NAT");
});

test("a reading of Firefox's report", () => {
  const reading = read(report(FIREFOX), 5);
  assert.deepEqual([reading.pair?.localType, reading.bytesSent, reading.bytesReceived], ["relay", 10, 20]);
  assert.equal(pairInWords(reading.pair), "you: relay ↔ other end: relay");
  assert.deepEqual([reading.jitter, reading.framesDecoded, reading.pairChanges, reading.security], [null, null, null, ""]);
});

test("a report that says nothing", () => {
  const reading = read(report({}), 5);
  assert.equal(reading.pair, null);
  assert.equal(pairInWords(null), "not connected");
  assert.equal(sample(reading, { ...reading, time: 1005 }).down, null);
});

test("what happens between two readings", () => {
  const before = read(report(CHROMIUM), 1000);
  const now = { ...before, time: 3000, bytesSent: 26_000, bytesReceived: 2000, packetsReceived: 280, packetsLost: 20, framesDecoded: 110 };
  assert.deepEqual(sample(before, now), {
    time: 3000, up: 100_000, down: 0, roundTrip: 12, jitter: 4, loss: 10, sendingLoss: 5, framesIn: 30, framesOut: 0,
  });
});

test("counters that go back tell nothing, and no time is no rate", () => {
  const before = read(report(CHROMIUM), 1000);
  const { up, loss, framesIn } = sample(before, { ...before, time: 2000, bytesSent: 5, packetsLost: 0, framesDecoded: 1 });
  assert.deepEqual([up, loss, framesIn], [null, null, null]);
  assert.equal(sample(before, before).up, null);
});

test("least, median and most", () => {
  const samples = [4, 1, null, 3].map((up) => ({ up }));
  assert.deepEqual(summary(samples, "up"), { least: 1, median: 3, most: 4 });
  assert.deepEqual(summary(samples.slice(0, 2), "up"), { least: 1, median: 2.5, most: 4 });
  assert.equal(summary([], "up"), null);
});

test("numbers in words", () => {
  assert.deepEqual(
    [[999, "down"], [12_345, "up"], [1_250_000, "up"], [25_000_000, "up"], [3.21, "roundTrip"], [42.4, "jitter"], [0, "loss"], [2.34, "loss"], [29.97, "framesIn"]]
      .map(([value, measure]) => format(measure, value)),
    ["999 bit/s", "12 kbit/s", "1.3 Mbit/s", "25 Mbit/s", "3.2 ms", "42 ms", "0 %", "2.3 %", "30"],
  );
  assert.equal(format("up", null), "–");
});

test("a plot's scale and its gaps", () => {
  assert.deepEqual([[], [0], [0.3], [7], [10], [11], [499, 501], [null, 3]].map(scaleTop), [1, 1, 0.5, 10, 10, 20, 1000, 5]);
  assert.deepEqual(runs([null, 1, 2, null, 3]), [{ start: 1, values: [1, 2] }, { start: 4, values: [3, 3] }]);
});

test("a recording comes back as it was, without addresses unless they are wanted", () => {
  const readings = [1000, 2000].map((time) => read(report(CHROMIUM), time));
  assert.deepEqual(parse(write(readings, true)), readings);
  const text = write(readings, false);
  for (const secret of ["192.0.2.1", "198.51.100.2", "turn.example.org"]) assert.ok(!text.includes(secret), secret);
  assert.deepEqual(parse(text).map(({ time, pair }) => [time, pair?.localType]), [[1000, "relay"], [2000, "relay"]]);
});

test("a file that is no recording is refused in words", () => {
  const good = JSON.parse(write([read(report(CHROMIUM), 1000)], true));
  /** @param {(reading: any) => void} change */
  const with_ = (change) => {
    const file = structuredClone(good);
    change(file.readings[0]);
    return JSON.stringify(file);
  };
  const bad = [
    ["", "stats.bad.json"], ["null", "stats.bad.kind"], ["[]", "stats.bad.kind"], ['{"turnd-statistics":2}', "stats.bad.kind"],
    ['{"turnd-statistics":1,"readings":[]}', "stats.bad.empty"], ['{"turnd-statistics":1,"readings":[null]}', "stats.bad.field"],
    [with_((one) => (one.time = "1")), "stats.bad.field"], [with_((one) => (one.width = "<b>")), "stats.bad.field"],
    [with_((one) => (one.bytesSent = 1e300)), "stats.bad.field"], [with_((one) => (one.codecs = ["x".repeat(300)])), "stats.bad.field"],
    [with_((one) => (one.pair = {})), "stats.bad.field"], [with_((one) => (one.pair.url = 5)), "stats.bad.field"],
    [JSON.stringify({ ...good, readings: [...good.readings, ...good.readings] }), "stats.bad.field"],
    [JSON.stringify({ ...good, readings: Array(LONGEST + 1).fill(good.readings[0]) }), "stats.bad.large"],
    [" ".repeat(9_000_000), "stats.bad.large"],
  ];
  for (const [text, key] of bad) {
    assert.throws(() => parse(text), (error) => error instanceof BadRecording && error.key === key, `${key}: ${text.slice(0, 60)}`);
  }
});
