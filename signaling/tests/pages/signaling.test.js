import assert from "node:assert/strict";
import { test } from "node:test";
import { Signaling } from "../../../web/call/signaling.js";

/** A server at hand: what the page says is in `said`, and what the test says arrives at once. */
function setting() {
  const told = [];
  const waits = [];
  const sockets = [];
  const open = () => {
    const socket = {
      connected: false, said: [], listeners: {}, connects: 0,
      on(name, listener) { this.listeners[name] = listener; return this; },
      emit(...said) { this.said.push(said); return this; },
      connect() { this.connects += 1; return this; },
      disconnect() { this.connected = false; this.said.push(["(disconnect)"]); return this; },
      hear(name, ...args) { this.listeners[name](...args); },
      up() { this.connected = true; this.hear("connect"); },
      down(reason = "transport close") { this.connected = false; this.hear("disconnect", reason); },
    };
    sockets.push(socket);
    return socket;
  };
  const later = (run, ms) => {
    const wait = { run, ms, cancelled: false };
    waits.push(wait);
    return () => (wait.cancelled = true);
  };
  const signaling = new Signaling((event) => told.push(event), open, later);
  signaling.enter({ room: "blue", token: "" });
  return { signaling, told, waits, sockets, socket: sockets[0] };
}

const info = (more = {}) => ({ count: 1, peers: [], polite: false, resume: "secret", resumed: false, ...more });

test("joins when connected, and with its secret when connected again", () => {
  const { socket, told } = setting();
  assert.deepEqual(socket.said, []);
  socket.up();
  socket.hear("joined", "blue", "id", info());
  socket.hear("other_joined", "blue", "other", { count: 2, number: 7 });
  socket.down();
  socket.up();
  assert.deepEqual(socket.said, [["join", "blue", { resume: true, seen: 0 }], ["join", "blue", { resume: "secret", seen: 7 }]]);
  assert.deepEqual(told.map(({ type }) => type), ["joined", "other_joined", "lost"]);
});

test("a newcomer again counts from the start", () => {
  const { socket } = setting();
  socket.up();
  socket.hear("joined", "blue", "id", info());
  socket.hear("message", "blue", { type: "offer" }, { from: "x", number: 9 });
  socket.down();
  socket.up();
  socket.hear("joined", "blue", "id2", info({ resume: "other" }));
  socket.down();
  socket.up();
  assert.deepEqual(socket.said.at(-1), ["join", "blue", { resume: "other", seen: 0 }]);
});

test("the token is shown every time", () => {
  const { signaling, sockets } = setting();
  signaling.enter({ room: "red", token: "1.x" });
  sockets[1].up();
  assert.deepEqual(sockets[1].said, [["join", "red", { resume: true, seen: 0, token: "1.x" }]]);
});

test("what the server did not confirm is said again after a resumed join only", () => {
  const { signaling, socket } = setting();
  const messages = () => socket.said.filter(([name]) => name === "message").map(([, , data]) => data.n);
  signaling.send({ n: 1 });
  assert.deepEqual(messages(), []);
  socket.up();
  socket.hear("joined", "blue", "id", info());
  signaling.send({ n: 2 });
  signaling.send({ n: 3 });
  const [, , , confirm] = socket.said.find(([name, , data]) => name === "message" && data.n === 2);
  confirm({ event: "sent", args: ["blue", 1] });
  socket.down();
  signaling.send({ n: 4 });
  socket.up();
  socket.hear("joined", "blue", "id", info({ resumed: true }));
  assert.deepEqual(messages(), [2, 3, 3, 4]);
  socket.down();
  socket.up();
  socket.hear("joined", "blue", "id", info());
  assert.deepEqual(messages(), [2, 3, 3, 4]);
});

/** Answers the messages that were said and not answered yet, in order: with nothing but `sent` unless told otherwise. */
function answer(socket, ...codes) {
  const open = socket.said.filter((said) => said[0] === "message" && !said.isAnswered);
  assert.equal(open.length, codes.length);
  open.forEach((said, index) => {
    said.isAnswered = true;
    const problem = { event: "sig_error", args: [{ code: codes[index], event: "message" }] };
    said.at(-1)(codes[index] === "sent" ? { event: "sent", args: ["blue", 1] } : problem);
  });
}

const numbers = (socket) => socket.said.filter(([name]) => name === "message").map(([, , data]) => data.n);

test("what is refused for its rate is said again in order, one at a time, later each time", () => {
  const { signaling, socket, waits } = setting();
  socket.up();
  socket.hear("joined", "blue", "id", info());
  for (const n of [1, 2, 3]) signaling.send({ n });
  answer(socket, "sent", "rate_limited", "rate_limited");
  signaling.send({ n: 4 });
  assert.deepEqual(numbers(socket), [1, 2, 3]);
  waits[0].run();
  answer(socket, "rate_limited");
  waits[1].run();
  assert.deepEqual(waits.map(({ ms }) => ms), [1000, 2000]);
  assert.deepEqual(numbers(socket), [1, 2, 3, 2, 2]);
  for (let left = 3; left > 0; left -= 1) answer(socket, "sent");
  assert.deepEqual(numbers(socket), [1, 2, 3, 2, 2, 3, 4]);
  // All is said: as fast as before, and the next wait is short again.
  for (const n of [5, 6]) signaling.send({ n });
  answer(socket, "rate_limited", "sent");
  assert.deepEqual(waits.at(-1).ms, 1000);
});

test("what is refused for another reason is not said again", () => {
  const { signaling, socket, waits } = setting();
  socket.up();
  socket.hear("joined", "blue", "id", info());
  for (const n of [1, 2]) signaling.send({ n });
  answer(socket, "too_large", "no_peer");
  socket.down();
  socket.up();
  socket.hear("joined", "blue", "id", info({ resumed: true }));
  assert.deepEqual([numbers(socket), waits], [[1, 2], []]);
});

test("a wait ends with the place in the room, and what waited is said in the next one if it is the same", () => {
  const { signaling, socket, waits } = setting();
  socket.up();
  socket.hear("joined", "blue", "id", info());
  for (const n of [1, 2]) signaling.send({ n });
  answer(socket, "rate_limited", "rate_limited");
  const [, , , late] = socket.said.find(([name]) => name === "message");
  socket.down();
  socket.up();
  socket.hear("joined", "blue", "id", info({ resumed: true }));
  assert.deepEqual([numbers(socket), waits[0].cancelled], [[1, 2, 1], true]);
  late({ event: "sent", args: ["blue", 1] }); // Of the connection before.
  answer(socket, "sent");
  assert.deepEqual(numbers(socket), [1, 2, 1, 2]);
  answer(socket, "rate_limited");
  signaling.leave();
  assert.ok(waits.every(({ cancelled }) => cancelled));
});

test("what is said while `joined` is being told is said once", () => {
  const { signaling, socket, told } = setting();
  socket.up();
  socket.hear("joined", "blue", "id", info());
  socket.down();
  signaling.tell = (event) => event.type === "joined" && signaling.send({ n: 1 });
  socket.up();
  socket.hear("joined", "blue", "id", info({ resumed: true }));
  assert.equal(socket.said.filter(([name]) => name === "message").length, 1);
  assert.equal(told.length, 2);
});

test("leaving says so, and nothing is heard afterwards", () => {
  const { signaling, socket, told } = setting();
  socket.up();
  socket.hear("joined", "blue", "id", info());
  signaling.leave();
  assert.deepEqual(socket.said.slice(1), [["leave", "blue"], ["(disconnect)"]]);
  socket.hear("message", "blue", { type: "offer" });
  socket.hear("disconnect", "io client disconnect");
  assert.equal(told.length, 1);
  signaling.leave();
  assert.equal(socket.said.length, 3);
});

test("only what is for this room is told", () => {
  const { socket, told } = setting();
  socket.up();
  socket.hear("bye", "red", "x", { reason: "leave" });
  socket.hear("message", "red", { type: "offer" });
  socket.hear("message", "blue", null);
  assert.deepEqual(told, []);
  socket.hear("turn_refresh", "blue", { iceServers: [] });
  assert.deepEqual(told, [{ type: "turn_refresh", turn: { iceServers: [] } }]);
});

test("a newcomer is told once, by whichever name the server has for it", () => {
  for (const names of [["other_joined"], ["otherjoin"], ["other_joined", "otherjoin"]]) {
    const { socket, told } = setting();
    const comes = (id) => names.forEach((name) => socket.hear(name, "blue", id, { count: 2, number: 1 }));
    socket.up();
    socket.hear("joined", "blue", "id", info());
    comes("bob");
    assert.deepEqual(told.map(({ type }) => type), ["joined", "other_joined"], names);
    socket.hear("bye", "blue", "bob", { reason: "leave" });
    comes("bob");
    assert.deepEqual(told.slice(2).map(({ type }) => type), ["bye", "other_joined"], names);
  }
});

test("who came while the server was away is told after coming back, and who was there before is not", () => {
  const { socket, told } = setting();
  socket.up();
  socket.hear("joined", "blue", "id", info());
  socket.down();
  socket.up();
  socket.hear("joined", "blue", "id", info({ count: 2, peers: ["bob"], resumed: true }));
  socket.hear("other_joined", "blue", "bob", { count: 2, number: 1 });
  assert.deepEqual(told.slice(2).map(({ type }) => type), ["joined", "other_joined"]);
  socket.down();
  socket.up();
  socket.hear("joined", "blue", "id2", info({ count: 2, peers: ["carol"] }));
  socket.hear("otherjoin", "blue", "carol", { count: 2, number: 1 });
  assert.deepEqual(told.slice(4).map(({ type }) => type), ["lost", "joined"]);
});

/** In a room with bob, who came second. */
function withBob() {
  const all = setting();
  all.socket.up();
  all.socket.hear("joined", "blue", "id", info());
  all.socket.hear("other_joined", "blue", "bob", { count: 2 });
  all.told.length = 0;
  return all;
}

test("of a larger room one other is heard and addressed, and the user is told of more", () => {
  const { signaling, socket, told } = withBob();
  socket.hear("other_joined", "blue", "carol", { count: 3 });
  socket.hear("message", "blue", { type: "offer", n: 1 }, { from: "carol" });
  socket.hear("message", "blue", { type: "offer", n: 2 }, { from: "bob" });
  signaling.send({ n: 3 });
  assert.deepEqual(told, [{ type: "crowd", crowded: true }, { type: "message", data: { type: "offer", n: 2 } }]);
  assert.deepEqual(socket.said.at(-1).slice(0, 4), ["message", "blue", { n: 3 }, { to: "bob" }]);
  socket.hear("bye", "blue", "carol", { reason: "leave" });
  assert.deepEqual(told.slice(2), [{ type: "crowd", crowded: false }]);
  socket.hear("bye", "blue", "bob", { reason: "leave" });
  assert.deepEqual(told.slice(3), [{ type: "bye" }]);
});

test("after the first has left, the next to speak or to come is the partner", () => {
  for (const speaks of [true, false]) {
    const { signaling, socket, told } = withBob();
    socket.hear("other_joined", "blue", "carol", { count: 3 });
    socket.hear("bye", "blue", "bob", { reason: "lost" });
    if (speaks) socket.hear("message", "blue", { type: "offer" }, { from: "carol" });
    else socket.hear("other_joined", "blue", "dave", { count: 3 });
    signaling.send({ n: 1 });
    assert.deepEqual(socket.said.at(-1)[3], { to: speaks ? "carol" : "dave" });
    const types = told.map(({ type }) => type);
    assert.deepEqual(types.slice(1), speaks ? ["bye", "crowd", "message"] : ["bye", "crowd", "other_joined", "crowd"]);
  }
});

test("a newcomer's partner is who is there; where there are two, the room is full", () => {
  const second = setting();
  second.socket.up();
  second.socket.hear("joined", "blue", "id", info({ count: 2, peers: ["ann"] }));
  second.socket.hear("other_joined", "blue", "carol", { count: 3 });
  second.socket.hear("message", "blue", { type: "offer" }, { from: "carol" });
  assert.deepEqual(second.told.map(({ type }) => type), ["joined", "crowd"]);
  const third = setting();
  third.socket.up();
  third.socket.hear("joined", "blue", "id", info({ count: 3, peers: ["ann", "bob"] }));
  assert.deepEqual(third.told, [{ type: "full" }]);
  third.signaling.leave();
  assert.deepEqual(third.socket.said.slice(1), [["leave", "blue"], ["(disconnect)"]]);
});

test("after a restart of the server the partner is known by what it does, and leaving ends the crowd", () => {
  const { signaling, socket, told } = withBob();
  socket.down();
  socket.up();
  socket.hear("joined", "blue", "id2", info({ count: 3, peers: ["carol2", "bob2"] }));
  socket.hear("message", "blue", { type: "offer" }, { from: "bob2" });
  socket.hear("message", "blue", { type: "offer" }, { from: "carol2" });
  assert.deepEqual(told.map(({ type }) => type), ["lost", "crowd", "joined", "message"]);
  signaling.leave();
  assert.deepEqual(told.at(-1), { type: "crowd", crowded: false });
});

test("errors: of a join, of anything else, and of nobody there", () => {
  const { socket, told } = setting();
  socket.up();
  socket.hear("sig_error", { code: "forbidden", event: "join", message: "no" });
  socket.hear("sig_error", { code: "no_peer", event: "message", message: "nobody" });
  socket.hear("sig_error", { code: "rate_limited", event: "message", message: "slow" });
  socket.hear("sig_error", { code: "disconnected", event: "join", message: "idle" });
  socket.hear("sig_error");
  socket.hear("sig_error", { code: "rate_limited", event: "join", message: "slow" });
  const all = ["refused forbidden", "problem disconnected", "problem ", "refused rate_limited"];
  assert.deepEqual(told.map(({ type, code }) => `${type} ${code}`), all);
});

test("a server that sends the page away is asked again, later each time; leaving ends that", () => {
  const { signaling, socket, waits } = setting();
  socket.up();
  socket.down("io server disconnect");
  waits[0].run();
  assert.equal(socket.connects, 1);
  socket.up();
  signaling.retry();
  socket.down("io server disconnect");
  assert.deepEqual(waits.map(({ ms }) => ms), [1000, 2000, 4000]);
  assert.deepEqual(waits.slice(1).map(({ cancelled }) => cancelled), [true, false]);
  signaling.leave();
  assert.ok(waits[2].cancelled);
});

test("a refused join is tried again", () => {
  const { signaling, socket, waits } = setting();
  socket.up();
  signaling.retry();
  waits[0].run();
  assert.deepEqual(socket.said.map(([name]) => name), ["join", "join"]);
});
