// @ts-check
/**
 * The server as the page sees it: docs/SIGNALING.md over socket.io. After a lost connection it takes up its place
 * again, and says again what may have got lost. The page is for two: of a larger room only one other member, the
 * partner, is heard and spoken to.
 */

import { io } from "../vendor/socket.io.esm.min.js";
import { backoff, later as realLater } from "./later.js";

/** @typedef {import("../vendor/socket.io.esm.min.js").Socket} Socket */
/** @typedef {import("./later.js").Later} Later */
/** @typedef {{iceServers?: RTCIceServer[]}} Turn */
/** @typedef {Turn & {count: number, peers: string[], polite: boolean, resume: string, resumed: boolean}} JoinInfo */

/**
 * @typedef {{type: "joined", info: JoinInfo}
 *   | {type: "other_joined" | "bye" | "full" | "leaved" | "lost" | "unreachable"}
 *   | {type: "message", data: {type: string}}
 *   | {type: "turn_refresh", turn: Turn}
 *   | {type: "crowd", crowded: boolean}
 *   | {type: "refused" | "problem", code: string, reason: string}} ServerEvent
 */

/** @typedef {{data: object, to: string}} Letter `to` is a member, or empty: everybody */

/** How a server may call the event that tells of a newcomer: one of these or, unless told otherwise, both. */
const NEWCOMER = ["other_joined", "otherjoin"];

/** @returns {Socket} */
function openSocket() {
  return io(undefined, { forceNew: true, reconnectionDelay: 500, reconnectionDelayMax: 3000 });
}

export class Signaling {
  /** @type {Socket | null} */ #socket = null;
  #room = "";
  #token = "";
  /** Takes up the place again; empty until there is one. */
  #secret = "";
  /** The number of the last event that came, see `seen` in the protocol. */
  #seen = 0;
  #inRoom = false;
  /** The ids of the others in the room. @type {Set<string>} */
  #members = new Set();
  /** The first of them; empty while that is not known. */
  #partner = "";
  /** Whether there are others than the partner. */
  #crowded = false;
  #attempts = 0;
  #cancel = () => {};
  /** What the server has not said it has. @type {Letter[]} */
  #outbox = [];
  /** What of that is said and not answered; another set for every time in the room. @type {Set<Letter>} */
  #said = new Set();
  /** How often in a row something was refused for its rate: since then one at a time is said. */
  #refusals = 0;
  #pausing = false;
  #cancelPause = () => {};

  /**
   * @param {(event: ServerEvent) => void} tell
   * @param {() => Socket} open
   * @param {Later} later
   */
  constructor(tell, open = openSocket, later = realLater) {
    this.tell = tell;
    this.open = open;
    this.later = later;
  }

  /** @param {import("./room.js").Place} place */
  enter({ room, token }) {
    this.leave();
    this.#room = room;
    this.#token = token;
    this.#secret = "";
    this.#seen = 0;
    this.#attempts = 0;
    const socket = this.open();
    this.#socket = socket;
    /** @type {(name: string, listener: (...args: any[]) => void) => void} */
    const on = (name, listener) => socket.on(name, (...args) => this.#socket === socket && listener(...args));
    on("connect", () => this.#join());
    on("connect_error", () => this.tell({ type: "unreachable" }));
    on("disconnect", (reason) => this.#lost(reason));
    this.#listen(on);
  }

  /** Away from the room and the server, at once. */
  leave() {
    const socket = this.#socket;
    this.#socket = null;
    this.#cancel();
    this.#inRoom = false;
    this.#outbox = [];
    this.#begin();
    this.#meet([]);
    if (!socket) return;
    if (socket.connected) socket.emit("leave", this.#room);
    socket.disconnect();
  }

  /** @param {object} data for the other person; kept until the server has it */
  send(data) {
    this.#outbox.push({ data, to: this.#partner });
    this.#pump();
  }

  /** Asks for the place once more, a little later each time. */
  retry() {
    this.#soon(() => this.#join());
  }

  /** @param {(name: string, listener: (...args: any[]) => void) => void} on */
  #listen(on) {
    on("sig_error", (problem) => this.#problem(problem ?? {}));
    /** @type {(name: string, listener: (argument: any, extra: any) => void) => void} */
    const here = (name, listener) => {
      on(name, (room, argument, extra) => {
        if (room !== this.#room) return;
        this.#seen = extra?.number ?? this.#seen;
        listener(name === "joined" ? extra : argument, extra ?? {});
      });
    };
    here("joined", (info) => this.#joined(info ?? {}));
    here("message", (data, { from }) => data && this.#heard(from) && this.tell({ type: "message", data }));
    here("turn_refresh", (turn) => this.tell({ type: "turn_refresh", turn: turn ?? {} }));
    for (const name of NEWCOMER) here(name, (id) => this.#newcomer(id));
    here("bye", (id) => this.#goodbye(id));
    for (const type of /** @type {const} */ (["full", "leaved"])) here(type, () => this.tell({ type }));
  }

  #join() {
    const options = { resume: this.#secret || true, seen: this.#seen };
    this.#socket?.emit("join", this.#room, this.#token ? { ...options, token: this.#token } : options);
  }

  /** @param {JoinInfo} info */
  #joined(info) {
    const { peers = [] } = info;
    // Two are in a call already, or wait for each other: as far as this page goes, that is full.
    if (!this.#secret && peers.length > 1) return this.tell({ type: "full" });
    const isBack = this.#secret !== "";
    this.#secret = info.resume ?? "";
    this.#inRoom = true;
    this.#attempts = 0;
    if (!info.resumed) {
      // Another membership: nobody there waits for what was said in the one before.
      this.#outbox = [];
      this.#seen = 0;
      // In one that was taken up again, what has changed meanwhile is told now.
      this.#meet(peers);
      // After a restart of the server everybody has another id: the partner is who speaks first, or comes next.
      if (peers.length === 1 && !isBack) this.#partner = peers[0];
    }
    this.#begin();
    this.tell({ type: "joined", info });
    this.#pump();
  }

  /** @param {string} id */
  #newcomer(id) {
    if (this.#members.has(id)) return; // The other name for the same.
    this.#members.add(id);
    if (!this.#partner) {
      this.#partner = id;
      this.tell({ type: "other_joined" });
    }
    this.#count();
  }

  /** @param {string} id */
  #goodbye(id) {
    this.#members.delete(id);
    if (id === this.#partner || this.#members.size === 0) {
      this.#partner = "";
      this.tell({ type: "bye" });
    }
    this.#count();
  }

  /** @param {string | undefined} from @returns {boolean} whether it is the partner who speaks */
  #heard(from) {
    this.#partner ||= from ?? "";
    return from === undefined || from === this.#partner;
  }

  /** @param {string[]} members who is there, none of them known */
  #meet(members) {
    this.#members = new Set(members);
    this.#partner = "";
    this.#count();
  }

  #count() {
    const crowded = this.#members.size > 1;
    if (crowded === this.#crowded) return;
    this.#crowded = crowded;
    this.tell({ type: "crowd", crowded });
  }

  /** Nothing is said yet, in this room or after this connection. */
  #begin() {
    this.#said = new Set();
    if (this.#outbox.length === 0) this.#refusals = 0;
    this.#pausing = false;
    this.#cancelPause();
  }

  /** Says what may be said now. */
  #pump() {
    if (!this.#inRoom || this.#pausing) return;
    const unsaid = this.#outbox.filter((letter) => !this.#said.has(letter));
    if (this.#refusals === 0) for (const letter of unsaid) this.#emit(letter);
    else if (this.#said.size === 0 && unsaid.length > 0) this.#emit(unsaid[0]);
  }

  /** @param {Letter} letter */
  #emit(letter) {
    const said = this.#said.add(letter);
    const answered = (/** @type {unknown} */ answer) => {
      if (said !== this.#said) return;
      said.delete(letter);
      if (isRateLimited(answer)) this.#pause();
      else this.#outbox = this.#outbox.filter((other) => other !== letter);
      if (this.#outbox.length === 0) this.#refusals = 0;
      this.#pump();
    };
    const { data, to } = letter;
    this.#socket?.emit("message", this.#room, data, ...(to ? [{ to }] : []), answered);
  }

  /** What was refused stays in the outbox, in its order. */
  #pause() {
    if (this.#pausing) return;
    this.#pausing = true;
    this.#cancelPause = this.later(() => {
      this.#pausing = false;
      this.#pump();
    }, backoff(this.#refusals++));
  }

  /** @param {string} reason */
  #lost(reason) {
    this.#inRoom = false;
    this.#cancel();
    this.tell({ type: "lost" });
    // The client comes back by itself, except to a server that has sent it away, as one that is being stopped does.
    if (reason === "io server disconnect") this.#soon(() => this.#socket?.connect());
  }

  /** @param {{code?: string, event?: string, message?: string}} problem */
  #problem({ code = "", event, message = "" }) {
    if (code === "no_peer") return; // Whoever it was for has left; `bye` says so.
    if (code === "rate_limited" && event === "message") return; // It is said again.
    this.tell({ type: event === "join" && code !== "disconnected" ? "refused" : "problem", code, reason: String(message) });
  }

  /** @param {() => void} run */
  #soon(run) {
    this.#cancel();
    this.#cancel = this.later(run, backoff(this.#attempts++));
  }
}

/** @param {any} answer to a command @returns {boolean} whether it was refused only because there were so many */
function isRateLimited(answer) {
  return answer?.event === "sig_error" && answer.args?.[0]?.code === "rate_limited";
}
