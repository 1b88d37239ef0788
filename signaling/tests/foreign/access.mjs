// Who may join, and who gets TURN credentials: room tokens, `joined`, `turn_refresh` and GET /api/turn.
//
//     node access.mjs URL VERSION TRANSPORT [--secret ROOM-SECRET] [--ttl SECONDS] [--turn yes|no]
//
// --secret and --ttl are what the server was told; a ttl of more than a minute is not waited for.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { closeAll, plain, socketIo } from "./lib/clients.mjs";
import { join, judgeTurn, memberHeardNothing, newRoom, outsiderHeardNothing, refused } from "./lib/expect.mjs";
import { commandLine, fact, runCases } from "./lib/report.mjs";

const [url, version, transport, { secret, ttl, turn, only }] = commandLine(
  ["URL", "VERSION", "TRANSPORT"],
  { secret: "", ttl: 0, turn: "yes", only: "" },
);
const open = version === "ws" ? plain(url) : await socketIo(url, version, transport);

const now = () => Math.floor(Date.now() / 1000);
const code = (room, expiry, key = secret) => createHmac("sha256", key).update(`${expiry}:${room}`).digest("base64url");
const token = (room, expiry = now() + 60) => `${expiry}.${code(room, expiry)}`;
const options = (room) => (secret ? { token: token(room) } : {});

async function apiTurn(authorization, room) {
  const target = new URL("/api/turn", url);
  if (room) target.searchParams.set("room", room);
  const answer = await fetch(target, { headers: authorization === undefined ? {} : { Authorization: authorization } });
  const text = await answer.text();
  if (answer.ok) assert.equal(answer.headers.get("cache-control"), "no-store", "nobody may keep it");
  return { status: answer.status, body: answer.status === 200 ? JSON.parse(text) : text };
}

const tokens = {
  async token_good() {
    const room = newRoom();
    const alice = await open();
    const me = await join(alice, room, { count: 1 }, options(room));
    // Whoever shows the secret of a member is one.
    const again = await join(await open(), room, { id: me.id, resumed: true }, { resume: me.resume });
    assert.equal(again.id, me.id);
    const bob = await open();
    await join(bob, room, { count: 2 }, { token: token(room, now() + 1_000_000_000) });
  },

  async token_bad() {
    const room = newRoom();
    const good = token(room);
    const [expiry, proof] = good.split(".");
    const bad = [
      undefined, "", ".", "x", good.slice(0, -1), `${good}=`, `${good}A`, token(newRoom()), token(room, now() - 2), token(room, 0),
      `${Number(expiry) + 1}.${proof}`, `+${good}`, ` ${good}`, `0${good}`, `${expiry}.`, expiry, `${expiry}.${code(room, expiry, "other")}`,
      `-1.${code(room, -1)}`, `1e12.${code(room, "1e12")}`, `99999999999999999999.${code(room, "99999999999999999999")}`,
      `.${code(room, "")}`, `${expiry}.${Buffer.from(proof, "base64url").toString("base64")}=`, `${good}\u0000`, "\u{1f600}".repeat(20),
    ];
    let refusals = 0;
    for (const one of bad) {
      const mallory = await open({ label: `token ${JSON.stringify(one)}` });
      mallory.send("join", room, ...(one === undefined ? [] : [{ token: one }]));
      await refused(mallory, "forbidden", "join");
      await outsiderHeardNothing(mallory, room);
      mallory.close();
      refusals += 1;
    }
    fact("tokens_refused", refusals);
    // None of them is in it, nor has made it.
    await join(await open(), room, { count: 1 }, options(room));
  },
};

const withTurn = {
  async turn_in_joined() {
    const room = newRoom();
    const alice = await join(await open(), room, { count: 1 }, options(room));
    const bob = await join(await open(), room, { count: 2 }, options(room));
    for (const me of [alice, bob]) judgeTurn(me);
    assert.notEqual(alice.username, bob.username, "each has credentials of its own");
    fact("ttl", alice.ttl);
    fact("uris", alice.uris.join(","));
    if (ttl) assert.equal(alice.ttl, ttl);
  },

  async turn_by_secret() {
    const room = newRoom();
    const alice = await open();
    const me = await join(alice, room, {}, options(room));
    const { status, body } = await apiTurn(`Bearer ${me.resume}`);
    assert.equal(status, 200, body);
    assert.deepEqual(Object.keys(body).sort(), ["expires", "iceServers", "password", "ttl", "uris", "username"]);
    judgeTurn(body);
    await memberHeardNothing(alice, room, options(room));
    alice.send("leave", room);
    await alice.expect("leaved");
    assert.equal((await apiTurn(`Bearer ${me.resume}`)).status, 401, "who left gets none");
  },

  async turn_without_right() {
    const room = newRoom();
    const me = await join(await open(), room, {}, options(room));
    const wrong = [undefined, "", "Bearer", "Bearer ", "Bearer x", `Bearer ${me.id}`, `Bearer ${me.resume}x`, `Basic ${me.resume}`, me.resume];
    for (const authorization of wrong) {
      const { status } = await apiTurn(authorization);
      assert.equal(status, 401, `Authorization: ${authorization}`);
    }
    for (const authorization of [undefined, "Bearer x", `Bearer ${now() + 60}.${code(room, now() + 60, "other")}`]) {
      assert.equal((await apiTurn(authorization, room)).status, 401, `${authorization} for a room`);
    }
  },

  async turn_refresh() {
    if (!ttl || ttl > 60) return;
    const room = newRoom();
    const alice = await open({ label: "alice" });
    const began = Date.now();
    let { username, expires } = await join(alice, room, {}, options(room));
    for (let round = 1; round <= 2; round += 1) {
      const args = await alice.expect("turn_refresh", ttl * 1000);
      const after = (Date.now() - began) / 1000;
      assert.equal(args.length, 2, "turn_refresh has two arguments");
      assert.equal(args[0], room);
      judgeTurn(args[1]);
      assert.ok(Math.abs(after - round * 0.75 * ttl) < 1.5, `refresh ${round} after ${after} s of ${ttl}`);
      assert.ok(args[1].expires > expires && args[1].username !== username, "new credentials");
      ({ username, expires } = args[1]);
    }
    fact("refreshes", 2);
  },
};

const tokenAndTurn = {
  async turn_by_token() {
    const room = newRoom();
    const { status, body } = await apiTurn(`Bearer ${token(room)}`, room);
    assert.equal(status, 200, body);
    judgeTurn(body);
    assert.equal((await apiTurn(`Bearer ${token(newRoom())}`, room)).status, 401, "the token of another room");
    assert.equal((await apiTurn(`Bearer ${token(room, now() - 2)}`, room)).status, 401, "an expired token");
    assert.equal((await apiTurn(`Bearer ${token(room)}`)).status, 401, "a token without its room");
  },
};

const withoutTurn = {
  async no_turn() {
    const room = newRoom();
    const me = await join(await open(), room, {}, options(room));
    assert.ok(!("iceServers" in me), "nothing to give");
    for (const authorization of [undefined, `Bearer ${me.resume}`]) assert.equal((await apiTurn(authorization)).status, 404);
  },
};

const cases = {
  ...(secret ? tokens : {}),
  ...(turn === "yes" ? withTurn : withoutTurn),
  ...(secret && turn === "yes" ? tokenAndTurn : {}),
};
await runCases(
  Object.fromEntries(Object.entries(cases).map(([name, run]) => [name, () => run().finally(closeAll)])),
  { only, seconds: 150 },
);
