// @ts-check
/**
 * Offers, answers and candidates of one RTCPeerConnection: perfect negotiation, which also understands a page that
 * knows nothing of it and sends its candidates whenever it likes.
 */

import { inRole, roleOf, samePage } from "./sdp.js";

/**
 * @typedef {{type: "offer" | "answer", sdp: string}
 *   | {type: "candidate", label: number | null, id: string | null, candidate: string}} Signal
 */

/**
 * What a message says, if it is one of ours: it comes from somebody else's page.
 *
 * @param {any} data
 * @returns {Signal | null}
 */
export function signalOf(data) {
  const { type, sdp, label, id, candidate } = data ?? {};
  if ((type === "offer" || type === "answer") && typeof sdp === "string") return { type, sdp };
  if (type !== "candidate" || typeof candidate !== "string") return null;
  return { type, label: Number.isInteger(label) ? label : null, id: typeof id === "string" ? id : null, candidate };
}

export class Negotiation {
  /** Only one end makes the first offer; until then a need to negotiate waits for the other's. */
  #begun = false;
  #offering = false;
  /** Candidates that came before a description. @type {RTCIceCandidateInit[]} */
  #early = [];

  /**
   * @param {RTCPeerConnection} connection
   * @param {() => boolean} polite whether this end gives way when both offer
   * @param {(signal: Signal) => void} send
   */
  constructor(connection, polite, send) {
    this.connection = connection;
    this.polite = polite;
    this.send = send;
    connection.onnegotiationneeded = () => void (this.#begun && this.#offer());
    connection.onicecandidate = ({ candidate }) => {
      if (!candidate?.candidate) return;
      send({ type: "candidate", label: candidate.sdpMLineIndex, id: candidate.sdpMid, candidate: candidate.candidate });
    };
  }

  offer() {
    return this.#offer();
  }

  /** New paths for the same connection. */
  restart() {
    const { signalingState, currentRemoteDescription } = this.connection;
    if (signalingState === "stable" && currentRemoteDescription) {
      this.#begun = true;
      this.connection.restartIce(); // Asks for negotiation.
      return Promise.resolve();
    }
    // An offer that nobody answered is replaced: restartIce would wait for its answer.
    return this.#offer({ iceRestart: true });
  }

  /**
   * @param {Signal} signal
   * @returns {Promise<"taken" | "stranger">} `stranger`: a description by another page than the one this connection
   *   was made with; the connection is as it was
   */
  async take(signal) {
    if (signal.type !== "candidate") return this.#description(signal);
    const candidate = { candidate: signal.candidate, sdpMid: signal.id, sdpMLineIndex: signal.label };
    if (this.connection.remoteDescription) await this.#candidate(candidate);
    else this.#early.push(candidate);
    return "taken";
  }

  /** @param {RTCOfferOptions} [options] */
  async #offer(options) {
    const { connection } = this;
    this.#begun = true;
    try {
      this.#offering = true;
      if (options) await connection.setLocalDescription(await connection.createOffer(options));
      else await connection.setLocalDescription();
      // Another's offer may have come in between; then this one was not made.
      if (connection.localDescription?.type === "offer") this.#say();
    } catch (error) {
      if (connection.signalingState !== "closed") console.warn("offer:", error);
    } finally {
      this.#offering = false;
    }
  }

  /** @param {{type: "offer" | "answer", sdp: string}} description @returns {Promise<"taken" | "stranger">} */
  async #description({ type, sdp }) {
    const { connection } = this;
    const collision = type === "offer" && (this.#offering || connection.signalingState !== "stable");
    if (collision && !this.polite()) return "taken"; // Ours counts; the other end takes its own back.
    if (type === "answer" && connection.signalingState !== "have-local-offer") {
      // Said twice; or it is the right one, and what came before it answered the connection before this one.
      const settled = connection.currentRemoteDescription;
      return settled && !samePage(settled.sdp, sdp) ? "stranger" : "taken";
    }
    const known = connection.currentRemoteDescription ?? connection.remoteDescription;
    if (known && !samePage(known.sdp, sdp)) return "stranger";
    try {
      await connection.setRemoteDescription({ type, sdp });
    } catch (error) {
      if (!known) throw error;
      console.warn(`${type}:`, error);
      return "stranger"; // What does not go together with what was agreed needs a fresh start just as well.
    }
    this.#begun = true;
    for (const candidate of this.#early.splice(0)) await this.#candidate(candidate);
    if (type === "offer") {
      await connection.setLocalDescription();
      this.#say();
    }
    return "taken";
  }

  /** One that does not fit, of an offer that did not count or of a page before, is no loss. @param {RTCIceCandidateInit} candidate */
  async #candidate(candidate) {
    try {
      await this.connection.addIceCandidate(candidate);
    } catch (error) {
      console.debug("candidate:", error);
    }
  }

  #say() {
    const { type, sdp } = this.connection.localDescription ?? {};
    if (type === "answer" && sdp) this.send({ type, sdp });
    if (type !== "offer" || !sdp) return;
    const { currentLocalDescription, currentRemoteDescription } = this.connection;
    this.send({ type, sdp: inRole(sdp, roleOf(currentLocalDescription, currentRemoteDescription)) });
  }
}
