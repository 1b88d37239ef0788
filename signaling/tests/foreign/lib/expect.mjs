// The events of docs/SIGNALING.md, each judged to the last field.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { CLOSED } from "./clients.mjs";

export const newRoom = () => `room-${randomBytes(9).toString("base64url")}`;

/** Time-limited credentials, those of a user that the server was given, and STUN alone. */
const TURN_SHAPES = [
  ["expires", "iceServers", "password", "ttl", "uris", "username"],
  ["iceServers", "password", "uris", "username"],
  ["iceServers"],
  [],
];
const INFO_FIELDS = ["count", "peers", "polite", "resume", "resumed"];
const CODES = [
  "already_in_room", "not_in_room", "no_peer", "unknown_command", "bad_args", "too_large", "rate_limited",
  "forbidden", "busy", "disconnected",
];

function isId(value, what) {
  assert.ok(typeof value === "string" && value.length > 0, `${what} is ${JSON.stringify(value)}`);
}

/** @param {object} wanted fields of `info`, beside the id, that must have these values */
export function judgeJoined(args, room, wanted = {}) {
  assert.equal(args.length, 3, `joined has ${args.length} arguments`);
  const [named, id, info] = args;
  assert.equal(named, room, "joined names the room");
  isId(id, "the id of joined");
  const turn = Object.keys(info).filter((name) => TURN_SHAPES[0].includes(name)).sort();
  assert.ok(TURN_SHAPES.some((shape) => shape.join() === turn.join()), `info has only ${turn} of the TURN fields`);
  assert.deepEqual(Object.keys(info).sort(), [...INFO_FIELDS, ...turn].sort(), "the fields of info");
  assert.equal(info.count, info.peers.length + 1, "count is the peers and oneself");
  assert.ok(!info.peers.includes(id), "nobody is a peer of its own");
  info.peers.forEach((peer) => isId(peer, "a peer"));
  assert.equal(typeof info.polite, "boolean", "polite");
  assert.equal(typeof info.resumed, "boolean", "resumed");
  assert.match(info.resume, /^.{16,}$/, "resume is a secret");
  if (turn.includes("ttl")) judgeTurn(info);
  const { id: wantedId = id, ...fields } = wanted;
  assert.equal(id, wantedId, "the id of joined");
  for (const [name, value] of Object.entries(fields)) assert.deepEqual(info[name], value, `info.${name}`);
  return { id, ...info };
}

/** Both shapes of time-limited credentials, which must be the same ones. */
export function judgeTurn({ iceServers, username, password, uris, ttl, expires }) {
  const entries = iceServers.filter((server) => server.urls.some((url) => /^turns?:/.test(url)));
  assert.equal(entries.length, 1, "one entry of TURN urls");
  assert.equal(entries[0].username, username);
  assert.equal(entries[0].credential, password);
  assert.deepEqual([...entries[0].urls].sort(), [...uris].filter((url) => /^turns?:/.test(url)).sort(), "urls and uris");
  for (const { urls } of iceServers) {
    for (const url of urls) assert.match(url, /^(stun:[^?]+|turns?:[^?]+(\?transport=(udp|tcp))?)$/, `the url ${url}`);
  }
  assert.ok(ttl > 0 && Number.isInteger(ttl), `ttl=${ttl}`);
  assert.ok(Math.abs(expires - Date.now() / 1000 - ttl) < 30, `expires=${expires} ttl=${ttl}`);
}

/** Joins and returns `{id, ...info}`. */
export async function join(client, room, wanted = {}, options) {
  client.send("join", room, ...(options === undefined ? [] : [options]));
  if (options?.resume === true) client.number ??= 0;
  return judgeJoined(await client.expect("joined"), room, wanted);
}

/** The third argument, for a member that would come back with the next number in it. */
function numbered(client, fields) {
  if (client.number === undefined) return fields;
  client.number += 1;
  return { ...fields, number: client.number };
}

/** What the others hear of a newcomer: both spellings, or those that the server was told to send. */
export async function hearsNewcomer(client, room, id, count, spellings = "both") {
  const names = spellings === "both" ? ["other_joined", "otherjoin"] : [spellings];
  const third = numbered(client, { count }); // One number: it is one thing that happened.
  const came = [];
  for (const _ of names) {
    const [name, ...args] = await client.next();
    came.push(name);
    assert.deepEqual(args, [room, id, third], `${client.label}: ${name}`);
  }
  assert.deepEqual(came.sort(), names, `${client.label}: the spellings`);
}

export async function hearsBye(client, room, id, reason, patience) {
  const third = numbered(client, { reason });
  assert.deepEqual(await client.expect("bye", patience), [room, id, third], `${client.label}: bye`);
}

export async function hearsMessage(client, room, data, from) {
  const third = numbered(client, { from });
  assert.deepEqual(await client.expect("message"), [room, data, third], `${client.label}: message`);
}

/** `room`: the one it must name, or null for none. Undefined: not judged. */
export function judgeError(args, code, event, room) {
  assert.equal(args.length, 1, `sig_error has ${args.length} arguments`);
  const [error] = args;
  assert.equal(error.code, code, `sig_error to ${JSON.stringify(event)}: ${JSON.stringify(error)}`);
  assert.ok(CODES.includes(error.code), `unknown code ${error.code}`);
  assert.equal(error.event, event, "sig_error names the command");
  assert.ok(typeof error.message === "string" && error.message.length > 3, "sig_error says it in words");
  const known = ["code", "event", "message", "room"];
  assert.ok(Object.keys(error).every((name) => known.includes(name)), `fields ${Object.keys(error)}`);
  if (room === null) assert.ok(!("room" in error), `names the room ${error.room}`);
  else if (room !== undefined) assert.equal(error.room, room, "sig_error names the room");
}

export async function refused(client, code, event, room) {
  judgeError(await client.expect("sig_error"), code, event, room);
}

/** The server has dealt with everything before, and nothing of it reached this member. */
export async function memberHeardNothing(client, room, options) {
  await join(client, room, {}, options);
  client.nothingWaits();
}

/** The same for one that is in no room. */
export async function outsiderHeardNothing(client, room) {
  client.send("leave", room);
  const args = await client.expect("leaved");
  assert.equal(args.length, 2, "leaved has two arguments");
  assert.equal(args[0], room);
  isId(args[1], "the id of leaved");
  client.nothingWaits();
}

/** The connection ends; what else was said before, at most the reason. */
export async function isDisconnected(client, patience) {
  const [name, ...args] = await client.next(patience);
  if (name === CLOSED) return undefined;
  assert.equal(name, "sig_error", `${client.label}: expected the end, came ${name}`);
  assert.equal(args[0].code, "disconnected", `${client.label}: expected the end, came ${JSON.stringify(args[0])}`);
  await client.expect(CLOSED, patience);
  return args[0].message;
}
