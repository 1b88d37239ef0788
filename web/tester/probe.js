// @ts-check
/** Small questions with one connection: a STUN server's answer, and what is at a port where TURN failed. */

import { inTime, until } from "./until.js";
import { isLookup, LOOKUP_WITHIN } from "./verdict.js";

/** Milliseconds for a question beside the test proper. */
const PATIENCE = 3000;
/** A name and password that no server knows. */
const NOBODY = { username: "nobody", credential: "nothing" };

/**
 * Gathers candidates with one server until `enough`.
 *
 * @param {RTCIceServer} server
 * @param {RTCIceTransportPolicy} policy
 * @param {(seen: Gathering) => boolean} enough
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @param {(connection: RTCPeerConnection) => void} [show]
 *
 * @typedef {{types: string[], errors: import("./verdict.js").IceError[], gathered: boolean, milliseconds: number}} Gathering
 */
async function gather(server, policy, enough, milliseconds, signal, show) {
  const connection = new RTCPeerConnection({ iceServers: [server], iceTransportPolicy: policy });
  show?.(connection);
  const begin = performance.now();
  const news = new EventTarget();
  const changed = () => news.dispatchEvent(new Event("change"));
  /** @type {Gathering} */
  const seen = { types: [], errors: [], gathered: false, milliseconds: 0 };
  connection.addEventListener("icecandidate", ({ candidate }) => {
    if (candidate?.type) seen.types.push(candidate.type);
    changed();
  });
  connection.addEventListener("icecandidateerror", ({ errorCode: code, errorText: text }) => {
    seen.errors.push({ code, text, at: performance.now() - begin });
    changed();
  });
  connection.addEventListener("icegatheringstatechange", () => {
    seen.gathered = connection.iceGatheringState === "complete";
    changed();
  });
  try {
    connection.createDataChannel("none");
    await inTime(connection.setLocalDescription(), milliseconds, signal);
    await until(news, () => seen.gathered || enough(seen), milliseconds - (performance.now() - begin), signal);
  } finally {
    connection.close();
  }
  seen.milliseconds = performance.now() - begin;
  return seen;
}

/**
 * @param {string} url
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @param {(connection: RTCPeerConnection) => void} show
 */
export function askStun(url, milliseconds, signal, show) {
  return gather({ urls: url }, "all", ({ types }) => types.includes("srflx"), milliseconds, signal, show);
}

/**
 * Whether a name has an address, where TCP has failed for a reason that browsers do not tell: over UDP they do.
 *
 * @param {import("./url.js").Address} address
 * @param {AbortSignal} signal
 */
export async function resolves({ host, port }, signal) {
  const server = { urls: `turn:${host}:${port}?transport=udp`, ...NOBODY };
  const isKnown = (/** @type {Gathering} */ { errors }) => errors.length > 0;
  const { errors } = await gather(server, "relay", isKnown, LOOKUP_WITHIN, signal);
  return !errors.some(isLookup);
}

/**
 * What is at a port where TLS failed, since browsers do not tell a bad certificate from a closed port. TURN servers
 * commonly take connections without TLS at the same port: one that answers there is open, so the certificate it is.
 * One that answers HTTPS has a certificate that is trusted.
 *
 * @param {import("./url.js").Address} address
 * @param {AbortSignal} signal
 * @returns {Promise<"plain" | "trusted" | "unknown">}
 */
export async function portBehindTls({ host, port }, signal) {
  const server = { urls: `turn:${host}:${port}?transport=tcp`, ...NOBODY };
  const isAnswer = (/** @type {Gathering} */ { types, errors }) =>
    types.length > 0 || errors.some(({ code }) => code !== 701);
  if (isAnswer(await gather(server, "relay", isAnswer, PATIENCE, signal))) return "plain";
  return (await answersHttps(`https://${host}:${port}/`, signal)) ? "trusted" : "unknown";
}

/** @param {string} url @param {AbortSignal} signal */
async function answersHttps(url, signal) {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  /** @type {RequestInit} */
  const request = { mode: "no-cors", cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer", signal: ended };
  try {
    await fetch(url, request);
    return true;
  } catch {
    return false;
  }
}
