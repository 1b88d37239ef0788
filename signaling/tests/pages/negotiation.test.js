// Offers, answers and candidates, against a connection that keeps the rules of signalling and nothing else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Negotiation, signalOf } from "../../../web/call/negotiation.js";

/** What setLocalDescription and setRemoteDescription do to the signalling state. */
class Peer {
  signalingState = "stable";
  localDescription = null;
  remoteDescription = null;
  currentRemoteDescription = null;
  done = [];
  #offers = 0;

  constructor(print) {
    this.print = print;
  }

  async createOffer({ iceRestart } = {}) {
    return this.#make("offer", iceRestart ? " restart" : "");
  }

  async setLocalDescription(given) {
    await null;
    const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
    this.localDescription = given ?? this.#make(type, "");
    this.signalingState = type === "offer" ? "have-local-offer" : "stable";
    if (type === "answer") this.currentRemoteDescription = this.remoteDescription;
    this.done.push(`local ${this.localDescription.type}`);
  }

  async setRemoteDescription(description) {
    await null;
    if (description.sdp.includes("impossible")) throw new Error("impossible");
    if (description.type === "answer" && this.signalingState !== "have-local-offer") throw new Error("wrong state");
    if (description.type === "offer" && this.signalingState === "have-local-offer") this.done.push("rollback");
    this.remoteDescription = description;
    this.signalingState = description.type === "offer" ? "have-remote-offer" : "stable";
    if (description.type === "answer") this.currentRemoteDescription = description;
    this.done.push(`remote ${description.type}`);
  }

  async addIceCandidate({ candidate }) {
    if (!this.remoteDescription) throw new Error("too early");
    if (candidate === "broken") throw new Error("broken");
    this.done.push(candidate);
  }

  restartIce() {
    this.done.push("restartIce");
    this.onnegotiationneeded();
  }

  #make(type, more) {
    this.#offers += 1;
    return { type, sdp: sdp(this.print, `${type} ${this.#offers}${more}`) };
  }
}

const sdp = (print, name = "") => `v=0\r\ns=${name}\r\na=fingerprint:sha-256 ${print}\r\n`;
const turn = () => new Promise((done) => setImmediate(done));

function end(print, polite) {
  const peer = new Peer(print);
  const sent = [];
  return { peer, sent, negotiation: new Negotiation(peer, () => polite, (signal) => sent.push(signal)) };
}

const candidate = (name) => ({ type: "candidate", label: 0, id: "0", candidate: name });

test("an offer and its answer", async () => {
  const a = end("AA", false);
  const b = end("BB", true);
  await a.negotiation.offer();
  assert.equal(await b.negotiation.take(a.sent.shift()), "taken");
  assert.equal(await a.negotiation.take(b.sent.shift()), "taken");
  assert.deepEqual(a.peer.done, ["local offer", "remote answer"]);
  assert.deepEqual(b.peer.done, ["remote offer", "local answer"]);
});

test("candidates wait for a description, and one that does not fit does no harm", async () => {
  const { peer, negotiation } = end("BB", true);
  for (const name of ["one", "broken", "two"]) await negotiation.take(candidate(name));
  assert.deepEqual(peer.done, []);
  await negotiation.take({ type: "offer", sdp: sdp("AA") });
  await negotiation.take(candidate("three"));
  assert.deepEqual(peer.done, ["remote offer", "one", "two", "local answer", "three"]);
});

test("who waits for an offer makes none", async () => {
  const { peer, negotiation, sent } = end("BB", true);
  peer.onnegotiationneeded();
  await turn();
  assert.deepEqual(peer.done, []);
  await negotiation.take({ type: "offer", sdp: sdp("AA") });
  peer.onnegotiationneeded();
  await turn();
  assert.deepEqual(sent.map(({ type }) => type), ["answer", "offer"]);
});

test("both offer: the polite end gives way, the other does not notice", async () => {
  const a = end("AA", false);
  const b = end("BB", true);
  await Promise.all([a.negotiation.offer(), b.negotiation.offer()]);
  await Promise.all([a.negotiation.take(b.sent.shift()), b.negotiation.take(a.sent.shift())]);
  assert.deepEqual(a.sent, []);
  await a.negotiation.take(b.sent.shift());
  assert.deepEqual(a.peer.done, ["local offer", "remote answer"]);
  assert.deepEqual(b.peer.done, ["local offer", "rollback", "remote offer", "local answer"]);
});

test("an offer that comes while ours is being made is a collision too", async () => {
  const a = end("AA", false);
  const making = a.negotiation.offer();
  assert.equal(await a.negotiation.take({ type: "offer", sdp: sdp("BB") }), "taken");
  await making;
  assert.deepEqual(a.peer.done, ["local offer"]);
});

test("an answer that is said twice is taken once", async () => {
  const { peer, negotiation } = end("AA", false);
  await negotiation.offer();
  await negotiation.take({ type: "answer", sdp: sdp("BB") });
  await negotiation.take({ type: "answer", sdp: sdp("BB") });
  assert.deepEqual(peer.done, ["local offer", "remote answer"]);
});

test("the right answer behind one to an earlier offer is not taken for the same said twice", async () => {
  // Made anew twice within one round trip: the first answer is to a connection that is gone.
  const { peer, negotiation } = end("AA", false);
  await negotiation.offer();
  assert.equal(await negotiation.take({ type: "answer", sdp: sdp("EARLIER") }), "taken");
  const before = [...peer.done];
  assert.equal(await negotiation.take({ type: "answer", sdp: sdp("RIGHT") }), "stranger");
  assert.deepEqual(peer.done, before);
});

test("another page's description changes nothing", async () => {
  for (const type of ["offer", "answer"]) {
    const { peer, negotiation } = end("AA", false);
    await negotiation.offer();
    await negotiation.take({ type: "answer", sdp: sdp("BB") });
    if (type === "answer") await negotiation.offer();
    const before = [...peer.done];
    assert.equal(await negotiation.take({ type, sdp: sdp("CC") }), "stranger");
    assert.deepEqual(peer.done, before);
    assert.equal(await negotiation.take({ type, sdp: sdp("BB") }), "taken");
  }
});

test("what cannot be taken: a fresh start where something was agreed, else an error", async () => {
  const { peer, negotiation } = end("BB", true);
  const impossible = { type: "offer", sdp: sdp("AA", "impossible") };
  await assert.rejects(negotiation.take(impossible));
  await negotiation.take({ type: "offer", sdp: sdp("AA") });
  assert.equal(await negotiation.take(impossible), "stranger");
  assert.deepEqual(peer.done, ["remote offer", "local answer"]);
});

test("a restart: by the browser where all is settled, by a new offer where ours was never answered", async () => {
  const settled = end("AA", false);
  await settled.negotiation.offer();
  await settled.negotiation.take({ type: "answer", sdp: sdp("BB") });
  await settled.negotiation.restart();
  await turn();
  assert.deepEqual(settled.peer.done.slice(2), ["restartIce", "local offer"]);

  const open = end("AA", false);
  await open.negotiation.offer();
  await open.negotiation.restart();
  assert.deepEqual(open.peer.done, ["local offer", "local offer"]);
  assert.match(open.sent[1].sdp, /restart/);
});

test("own candidates are sent as the course's pages know them, the end mark is not", () => {
  const { peer, sent } = end("AA", false);
  peer.onicecandidate({ candidate: { sdpMLineIndex: 1, sdpMid: "a", candidate: "candidate:1", usernameFragment: "x" } });
  peer.onicecandidate({ candidate: { sdpMLineIndex: 0, sdpMid: "0", candidate: "" } });
  peer.onicecandidate({ candidate: null });
  assert.deepEqual(sent, [{ type: "candidate", label: 1, id: "a", candidate: "candidate:1" }]);
});

test("only what we know is taken from another page", () => {
  const good = [{ type: "offer", sdp: "v=0" }, { type: "answer", sdp: "" }, candidate("x")];
  for (const signal of good) assert.deepEqual(signalOf({ ...signal, extra: 1 }), signal);
  assert.deepEqual(signalOf({ type: "candidate", candidate: "x", label: "0" }), { type: "candidate", candidate: "x", label: null, id: null });
  for (const bad of [null, undefined, 7, "offer", {}, { type: "offer" }, { type: "rollback", sdp: "" }, { type: "candidate" }]) {
    assert.equal(signalOf(bad), null);
  }
});
