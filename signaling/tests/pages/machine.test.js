// Every cell of the call page's table: all models that can be reached, times all events.
import assert from "node:assert/strict";
import { test } from "node:test";
import { allowed, START, step } from "../../../web/call/machine.js";

const model = (state, { doing = null, was = null, peer = false } = {}) => ({ state, doing, was, peer });

/** The models, each by a name; `*` in a name stands for a peer in the room. */
const MODELS = {
  "init": model("init"),
  "init media": model("init", { doing: "media" }),
  "init join": model("init", { doing: "join" }),
  "leaved": model("leaved"),
  "leaved media": model("leaved", { doing: "media" }),
  "leaved join": model("leaved", { doing: "join" }),
  "joined": model("joined"),
  "joined*": model("joined", { peer: true }),
  "joined_conn": model("joined_conn"),
  "joined_conn*": model("joined_conn", { peer: true }),
  "joined_unbind": model("joined_unbind"),
  "reconnecting joined": model("reconnecting", { was: "joined" }),
  "reconnecting joined*": model("reconnecting", { was: "joined", peer: true }),
  "reconnecting joined_conn": model("reconnecting", { was: "joined_conn" }),
  "reconnecting joined_conn*": model("reconnecting", { was: "joined_conn", peer: true }),
  "reconnecting joined_unbind": model("reconnecting", { was: "joined_unbind" }),
};

const joined = (count, resumed, alive) => ({ type: "joined", count, resumed, alive });

const EVENTS = {
  connect: { type: "connect" },
  connect_receiving: { type: "connect_receiving" },
  media_ready: { type: "media_ready" },
  media_failed: { type: "media_failed" },
  leave: { type: "leave" },
  "joined alone": joined(1, false, false),
  "joined two": joined(2, false, false),
  "joined alone alive": joined(1, false, true),
  "joined two alive": joined(2, false, true),
  "resumed alone": joined(1, true, false),
  "resumed two": joined(2, true, false),
  "resumed alone alive": joined(1, true, true),
  "resumed two alive": joined(2, true, true),
  other_joined: { type: "other_joined", alive: false },
  "other_joined alive": { type: "other_joined", alive: true },
  offer: { type: "message", kind: "offer" },
  answer: { type: "message", kind: "answer" },
  candidate: { type: "message", kind: "candidate" },
  bye: { type: "bye" },
  full: { type: "full" },
  refused: { type: "refused" },
  leaved: { type: "leaved" },
  lost: { type: "lost" },
  broken: { type: "broken" },
};

const END = "leaved: closeConnection closeMedia leaveRoom";
const ALL_JOINED = Object.keys(EVENTS).filter((name) => /^(joined|resumed)/.test(name));
const each = (names, result) => Object.fromEntries(names.map((name) => [name, result]));

/** In init and leaved. @param {string} state */
const outside = (state) => ({
  [state]: { connect: `${state} media: openMedia`, connect_receiving: `${state} join: enterRoom` },
  [`${state} media`]: { media_ready: `${state} join: enterRoom`, media_failed: `${state}:`, leave: END },
  [`${state} join`]: {
    ...each(ALL_JOINED.filter((name) => name.includes("alone")), "joined:"),
    ...each(ALL_JOINED.filter((name) => name.includes("two")), "joined*:"),
    full: END, refused: END, leave: END,
  },
});

/** @param {string} lost */
const waiting = (lost) => ({
  ...each(["other_joined", "other_joined alive"], "joined_conn*: openConnection offer"),
  ...each(["offer", "candidate"], "joined_conn*: openConnection receive"),
  bye: "joined_unbind:", leave: END, leaved: END, lost,
});

const connected = {
  other_joined: "joined_conn*: closeConnection openConnection offer",
  "other_joined alive": "joined_conn*: restart",
  ...each(["offer", "answer", "candidate"], "joined_conn*: receive"),
  bye: "joined_unbind: closeConnection", leave: END, leaved: END,
};

const away = { refused: "same: retryJoin", full: END, leave: END };

/** Who lost the server while alone or waiting. @param {string} was @param {string} alone what it is alone, afterwards */
const awayWaiting = (was, alone) => ({
  ...away,
  ...each(["resumed alone", "resumed alone alive"], `${was}:`),
  ...each(["resumed two", "resumed two alive"], `${was}*:`),
  ...each(["joined alone", "joined alone alive"], `${alone}:`),
  ...each(["joined two", "joined two alive"], "joined*:"),
});

const awayConnected = {
  ...away,
  ...each(["resumed alone", "resumed alone alive"], "joined_conn: recover"),
  ...each(["resumed two", "resumed two alive"], "joined_conn*: recover"),
  "joined alone": "joined_unbind: closeConnection",
  "joined two": "joined*: closeConnection",
  "joined alone alive": "joined_conn:",
  "joined two alive": "joined_conn*:",
};

/** What is not here changes nothing. `next model: actions` */
const TABLE = {
  ...outside("init"),
  ...outside("leaved"),
  "joined": waiting("reconnecting joined:"),
  "joined*": waiting("reconnecting joined*:"),
  "joined_unbind": waiting("reconnecting joined_unbind:"),
  "joined_conn": { ...connected, broken: "joined_unbind: closeConnection", lost: "reconnecting joined_conn:" },
  "joined_conn*": { ...connected, lost: "reconnecting joined_conn*:" },
  "reconnecting joined": awayWaiting("joined", "joined"),
  "reconnecting joined*": awayWaiting("joined", "joined"),
  "reconnecting joined_unbind": awayWaiting("joined_unbind", "joined_unbind"),
  "reconnecting joined_conn": awayConnected,
  "reconnecting joined_conn*": awayConnected,
};

/** A peer in joined_unbind is possible for one moment: its offer is on its way. */
const MORE = { "joined_unbind*": model("joined_unbind", { peer: true }) };

for (const [from, start] of Object.entries(MODELS)) {
  for (const [name, event] of Object.entries(EVENTS)) {
    const expected = TABLE[from][name] ?? "same:";
    test(`${from} + ${name} -> ${expected}`, () => {
      const [next, actions] = expected.split(":");
      const result = step(start, event);
      assert.deepEqual(result.model, next === "same" ? start : { ...MODELS, ...MORE }[next]);
      assert.deepEqual(result.actions, actions.trim() ? actions.trim().split(" ") : []);
    });
  }
}

test("from init, nothing but these models is reached", () => {
  const known = [...Object.values(MODELS), ...Object.values(MORE), model("reconnecting", { was: "joined_unbind", peer: true })];
  const seen = new Set();
  const open = [START];
  for (let next = open.pop(); next; next = open.pop()) {
    const key = JSON.stringify(next);
    if (seen.has(key)) continue;
    seen.add(key);
    assert.ok(known.some((one) => JSON.stringify(one) === key), key);
    for (const event of Object.values(EVENTS)) open.push(step(next, event).model);
  }
  assert.equal(seen.size, known.length);
});

test("the buttons follow the state", () => {
  for (const [name, at] of Object.entries(MODELS)) {
    const may = allowed(at);
    const idle = name === "init" || name === "leaved";
    assert.deepEqual(may, { connect: idle, leave: !idle, call: !/^(init|leaved)/.test(name) }, name);
    // A button that may not be pressed would do nothing.
    if (!may.connect) assert.deepEqual(step(at, EVENTS.connect), { model: at, actions: [] }, name);
    if (!may.leave) assert.deepEqual(step(at, EVENTS.leave), { model: at, actions: [] }, name);
  }
});

test("a whole call, at both ends", () => {
  const run = (...names) => names.reduce((at, name) => step(at, EVENTS[name]).model, START).state;
  assert.equal(run("connect", "media_ready", "joined alone", "other_joined", "answer", "bye", "other_joined"), "joined_conn");
  assert.equal(run("connect", "media_ready", "joined two", "candidate", "offer", "leave"), "leaved");
});
