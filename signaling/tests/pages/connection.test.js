// Which connection there is: made, replaced by a fresh one for another page, kept otherwise.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Connection } from "../../../web/call/connection.js";

const sdp = (print) => `v=0\r\na=fingerprint:sha-256 ${print}\r\n`;
const turn = () => new Promise((done) => setImmediate(done));

let peers = [];

class FakePeer extends EventTarget {
  signalingState = "stable";
  connectionState = "new";
  iceConnectionState = "new";
  localDescription = null;
  remoteDescription = null;
  currentRemoteDescription = null;
  transceivers = [];
  done = [];

  constructor(configuration) {
    super();
    this.configuration = configuration;
    peers.push(this);
  }

  addTrack(track) {
    this.addTransceiver(track.kind, { direction: "sendrecv" });
  }

  addTransceiver(kind, { direction }) {
    const sender = { replaceTrack: async (track) => (sender.track = track), setStreams() {} };
    this.transceivers.push({ receiver: { track: { kind } }, direction, sender });
  }

  getTransceivers() {
    return this.transceivers;
  }

  async createOffer() {
    return { type: "offer", sdp: sdp("OWN") };
  }

  async setLocalDescription() {
    const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
    this.localDescription = { type, sdp: sdp("OWN") };
    this.signalingState = type === "offer" ? "have-local-offer" : "stable";
  }

  async setRemoteDescription(description) {
    this.remoteDescription = this.currentRemoteDescription = description;
    this.signalingState = description.type === "offer" ? "have-remote-offer" : "stable";
  }

  async addIceCandidate() {}

  getConfiguration() {
    return this.configuration;
  }

  setConfiguration(configuration) {
    this.configuration = configuration;
  }

  restartIce() {
    this.done.push("restart");
  }

  close() {
    this.done.push("close");
    this.connectionState = "closed";
  }

  state(state) {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  get directions() {
    return this.transceivers.map(({ receiver, direction }) => `${receiver.track.kind} ${direction}`);
  }
}

class FakeStream {
  tracks = [];
  addTrack(track) {
    this.tracks.push(track);
  }
}

beforeEach(() => {
  peers = [];
  Object.assign(globalThis, { RTCPeerConnection: FakePeer, MediaStream: FakeStream });
});
afterEach(() => {
  delete globalThis.RTCPeerConnection;
  delete globalThis.MediaStream;
});

function setting(kinds = ["audio", "video"]) {
  const page = { sent: [], changes: [], states: [], streams: [], servers: ["one"], reachable: true };
  const connection = new Connection({
    configuration: () => ({ iceServers: page.servers, iceTransportPolicy: "all" }),
    outgoing: () => kinds.map((kind) => ({ track: { kind }, stream: new FakeStream() })),
    send: (signal) => page.sent.push(signal.type),
    reachable: () => page.reachable,
    changed: (peer) => page.changes.push(peer && peers.indexOf(peer)),
    progress: (state) => page.states.push(state),
    remote: (stream) => page.streams.push(stream),
  });
  return { page, connection };
}

/** Offered and answered. */
async function called(more) {
  const at = setting(more);
  at.connection.open();
  at.connection.offer();
  await turn();
  at.connection.receive({ type: "answer", sdp: sdp("THEIRS") });
  await turn();
  return at;
}

test("what is not sent is still asked for", async () => {
  for (const [kinds, directions] of [
    [[], ["audio recvonly", "video recvonly"]],
    [["audio"], ["audio sendrecv", "video recvonly"]],
    [["audio", "video"], ["audio sendrecv", "video sendrecv"]],
  ]) {
    const { connection } = setting(kinds);
    connection.open();
    connection.offer();
    assert.deepEqual(peers.at(-1).directions, directions);
    await turn();
  }
});

test("an answer by another page: a fresh connection and a fresh offer", async () => {
  const { page, connection } = await called();
  connection.offer();
  await turn();
  connection.receive({ type: "answer", sdp: sdp("STRANGER") });
  await turn();
  assert.deepEqual(page.changes, [0, null, 1]);
  assert.deepEqual(peers[0].done, ["close"]);
  assert.deepEqual(page.sent, ["offer", "offer", "offer"]);
  connection.receive({ type: "answer", sdp: sdp("STRANGER") });
  await turn();
  assert.equal(peers.length, 2);
});

test("an offer by another page: a fresh connection that answers it", async () => {
  const { page, connection } = await called();
  connection.receive({ type: "offer", sdp: sdp("STRANGER") });
  await turn();
  assert.deepEqual(page.changes, [0, null, 1]);
  assert.deepEqual(page.sent, ["offer", "answer"]);
});

test("an offer by the same page: the same connection", async () => {
  const { page, connection } = await called();
  connection.receive({ type: "offer", sdp: sdp("THEIRS") });
  await turn();
  assert.deepEqual([page.changes, page.sent], [[0], ["offer", "answer"]]);
});

test("closed in the middle of a signal, nothing more is said", async () => {
  const { page, connection } = setting();
  connection.open();
  connection.receive({ type: "offer", sdp: sdp("THEIRS") });
  connection.close();
  await turn();
  assert.deepEqual(page.sent, []);
  connection.receive({ type: "offer", sdp: sdp("THEIRS") });
  await turn();
  assert.equal(connection.alive, false);
});

test("what the one before said late is not for the next one", async () => {
  const { page, connection } = setting();
  connection.open();
  connection.receive({ type: "offer", sdp: sdp("THEIRS") });
  connection.receive({ type: "answer", sdp: sdp("THEIRS") });
  connection.close();
  connection.open();
  connection.offer();
  await turn();
  assert.equal(peers[1].signalingState, "have-local-offer");
  assert.deepEqual(page.sent, ["offer"]);
});

test("the newest servers: for the next connection, and for the restart of this one", async () => {
  const { page, connection } = await called();
  page.servers = ["two"];
  connection.refresh();
  assert.deepEqual(peers[0].configuration, { iceServers: ["two"], iceTransportPolicy: "all" });
  page.servers = ["three"];
  connection.open();
  assert.deepEqual(peers[1].configuration.iceServers, ["three"]);
});

test("restarts need somebody to tell", async () => {
  const { page, connection } = await called();
  page.reachable = false;
  connection.restart();
  connection.remake();
  assert.deepEqual([peers.length, peers[0].done], [1, []]);
  page.reachable = true;
  connection.restart();
  assert.deepEqual(peers[0].done, ["restart"]);
  connection.remake();
  assert.deepEqual(page.changes, [0, null, 1]);
});

test("after the server was away only what broke is restarted", async () => {
  const { connection } = await called();
  peers[0].connectionState = "connected";
  connection.recover();
  assert.deepEqual(peers[0].done, []);
  peers[0].iceConnectionState = "disconnected";
  connection.recover();
  assert.deepEqual(peers[0].done, ["restart"]);
});

test("states are told once, and those of a connection that was replaced are not", async () => {
  const { page, connection } = await called();
  peers[0].state("connecting");
  peers[0].dispatchEvent(new Event("iceconnectionstatechange"));
  peers[0].state("connected");
  assert.equal(connection.alive, true);
  connection.open();
  peers[0].state("failed");
  assert.deepEqual(page.states, ["connecting", "connected"]);
});

test("the picture: replaced, taken away, given where there was none", async () => {
  const { connection } = await called(["audio"]);
  await connection.replaceVideo({ kind: "video" }, new FakeStream());
  assert.deepEqual(peers[0].directions, ["audio sendrecv", "video sendrecv"]);
  await connection.replaceVideo(null, new FakeStream());
  assert.deepEqual(peers[0].directions, ["audio sendrecv", "video recvonly"]);
  assert.equal(peers[0].transceivers[1].sender.track, null);
});
