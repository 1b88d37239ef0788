// @ts-check
/** The TURN servers that this site gives to members of a room (docs/SIGNALING.md), and what its clock says. */

import { clockSkew } from "./credential.js";

/** Milliseconds for the site to answer. */
const PATIENCE = 10_000;

/** Why there are no servers: a text to show. */
export class SiteError extends Error {
  /** @param {string} key @param {Record<string, string>} [values] */
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

/**
 * @param {string} page the address of this page
 * @param {{room: string | null, token: string | null}} entry where the site lets only guests in: a room and its token
 * @param {AbortSignal} signal
 * @returns {Promise<RTCIceServer[]>}
 */
export async function ownServers(page, { room, token }, signal) {
  if (room === null || token === null) return serversByJoining(page, room, token, signal);
  // Somebody may be waiting in that room: its token is enough, nobody has to go in.
  const servers = await serversByToken(page, room, token, signal);
  return servers ?? serversByJoining(page, null, null, signal);
}

/**
 * @param {string} page
 * @param {string} room
 * @param {string} token
 * @param {AbortSignal} signal
 * @returns {Promise<RTCIceServer[] | null>} `null`: this is no token there, or the site has no use for one
 */
async function serversByToken(page, room, token, signal) {
  const address = new URL(`/api/turn?room=${encodeURIComponent(room)}`, page);
  const ended = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  const headers = { Authorization: `Bearer ${token}` };
  try {
    const answer = await fetch(address, { headers, cache: "no-store", signal: ended });
    if (answer.status === 401) return null;
    const heard = readServers(answer.status, answer.ok ? await answer.json() : null);
    if (heard instanceof SiteError) throw heard;
    return heard;
  } catch (error) {
    if (error instanceof SiteError) throw error;
    throw signal.aborted ? signal.reason : new SiteError("tester.site.silent");
  }
}

/**
 * @param {string} page
 * @param {string | null} room
 * @param {string | null} token
 * @param {AbortSignal} signal
 * @returns {Promise<RTCIceServer[]>}
 */
function serversByJoining(page, room, token, signal) {
  const address = new URL("/ws", page);
  address.protocol = address.protocol.replace("http", "ws");
  address.hash = "";
  const socket = new WebSocket(address);
  const place = room ?? `test-${crypto.randomUUID()}`;
  /** @type {Promise<RTCIceServer[]>} */
  const answer = new Promise((resolve, reject) => {
    const ended = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
    ended.addEventListener("abort", () => reject(signal.aborted ? signal.reason : new SiteError("tester.site.away")));
    socket.addEventListener("open", () => socket.send(JSON.stringify(["join", place, token ? { token } : {}])));
    socket.addEventListener("close", () => reject(new SiteError("tester.site.away")));
    socket.addEventListener("message", ({ data }) => {
      const heard = readAnswer(String(data));
      if (heard instanceof SiteError) reject(heard);
      else if (heard) resolve(heard);
    });
  });
  return answer.finally(() => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(["leave", place]));
    socket.close();
  });
}

/**
 * @param {string} message of the server
 * @returns {RTCIceServer[] | SiteError | null} `null` for one that is no answer to `join`
 */
export function readAnswer(message) {
  const [event, ...rest] = parsed(message);
  if (event === "full") return new SiteError("tester.site.full");
  if (event === "sig_error") {
    const { code } = Object(rest[0]);
    return code === "forbidden" ? new SiteError("tester.site.forbidden") : new SiteError("tester.site.error", { code: String(code) });
  }
  if (event !== "joined") return null;
  return serversOf(rest[2]);
}

/**
 * @param {number} status of the answer to a token
 * @param {unknown} turn what it says
 * @returns {RTCIceServer[] | SiteError}
 */
export function readServers(status, turn) {
  if (status === 200 || status === 404) return serversOf(turn);
  return status === 429 ? new SiteError("tester.site.often") : new SiteError("tester.site.error", { code: String(status) });
}

/** @param {unknown} turn @returns {RTCIceServer[] | SiteError} */
function serversOf(turn) {
  const { iceServers } = Object(turn);
  return Array.isArray(iceServers) && iceServers.length ? iceServers : new SiteError("tester.site.none");
}

/** @param {string} message @returns {unknown[]} */
function parsed(message) {
  try {
    const value = JSON.parse(message);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/**
 * @param {RTCIceServer[]} servers
 * @returns {{url: string, username: string, credential: string}[]} one for each URL, none twice
 */
export function eachUrl(servers) {
  const found = new Map();
  for (const { urls, username = "", credential = "" } of servers) {
    for (const url of [urls].flat()) found.set(url, { url, username, credential });
  }
  return [...found.values()];
}

/**
 * @param {string} page
 * @returns {Promise<number>} seconds that the site's clock is ahead of this one; 0 if it does not say
 */
export async function siteClockSkew(page) {
  const before = Date.now();
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const { headers } = await fetch(new URL("/favicon.svg", page), { method: "HEAD", cache: "no-store", signal });
    return clockSkew(headers.get("date"), before, Date.now()) ?? 0;
  } catch {
    return 0;
  }
}
