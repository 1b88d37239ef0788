// @ts-check
/** Two connections of this browser to itself, by way of one TURN server. */

import { inTime, until } from "./until.js";

/** @typedef {import("./verdict.js").IceError} IceError */

/** Milliseconds that a candidate from another interface still gets after the server has refused one. */
const GRACE = 1000;
/** Milliseconds for a failed connection to change its mind, when another pair of candidates comes. */
const RECONSIDER = 500;
const UNREACHABLE = 701;

export class RelayPair extends EventTarget {
  /** @type {IceError[]} */
  errors = [];
  /** @type {[RTCIceCandidate[], RTCIceCandidate[]]} */
  candidates = [[], []];
  /** @type {Map<string, RTCDataChannel>} of the far end, by label */
  arrived = new Map();
  #begin = 0;
  #isRefused = false;
  #isIntroduced = false;

  /** @param {RTCIceServer} server */
  constructor(server) {
    super();
    const ends = [0, 1].map(() => new RTCPeerConnection({ iceServers: [server], iceTransportPolicy: "relay" }));
    this.ends = ends;
    this.near = ends[0];
    this.far = ends[1];
    ends.forEach((end, index) => this.#listen(end, index));
    this.far.addEventListener("datachannel", ({ channel }) => {
      this.arrived.set(channel.label, channel);
      this.#changed();
    });
    /** Small messages that come back. */
    this.echo = this.near.createDataChannel("echo");
    /** As many bytes as possible: what is lost is not sent again, and delays nothing. */
    this.bulk = this.near.createDataChannel("bulk", { ordered: false, maxRetransmits: 0 });
    for (const channel of [this.echo, this.bulk]) {
      channel.binaryType = "arraybuffer";
      channel.addEventListener("open", () => this.#changed());
    }
  }

  get relays() {
    return /** @type {[number, number]} */ (this.candidates.map(({ length }) => length));
  }

  get gathered() {
    return this.ends.every((end) => end.iceGatheringState === "complete");
  }

  /** Milliseconds since gathering began. */
  get age() {
    return performance.now() - this.#begin;
  }

  /**
   * Agrees on everything but the candidates, which makes both ends ask the server for relays.
   *
   * @param {number} milliseconds
   * @param {AbortSignal} signal
   */
  negotiate(milliseconds, signal) {
    this.#begin = performance.now();
    return inTime(this.#describe(), milliseconds, signal);
  }

  async #describe() {
    const { near, far } = this;
    await near.setLocalDescription();
    await far.setRemoteDescription(/** @type {RTCSessionDescription} */ (near.localDescription));
    await far.setLocalDescription();
    await near.setRemoteDescription(withoutCandidates(/** @type {RTCSessionDescription} */ (far.localDescription)));
  }

  /**
   * Until both ends have a relay, or one can have none.
   *
   * @param {number} milliseconds since gathering began
   * @param {AbortSignal} signal
   */
  async allocated(milliseconds, signal) {
    await until(this, () => this.hasRelays || this.gathered || this.#isRefused, milliseconds - this.age, signal);
    return this.hasRelays;
  }

  get hasRelays() {
    return this.relays.every((count) => count > 0);
  }

  /**
   * Tells each end of the other's relays, and waits for a connection of the two.
   *
   * @param {number} milliseconds
   * @param {AbortSignal} signal
   * @returns {Promise<{connection: "connected" | "connecting" | "failed", milliseconds: number}>}
   */
  async connected(milliseconds, signal) {
    const begin = performance.now();
    this.#isIntroduced = true;
    this.candidates.forEach((of, index) => of.forEach((candidate) => this.#tell(index, candidate)));
    const isOpen = () => this.echo.readyState === "open" && this.bulk.readyState === "open";
    const hasFailed = () => this.ends.some((end) => end.connectionState === "failed");
    await until(this, () => isOpen() || hasFailed(), milliseconds, signal);
    const took = performance.now() - begin;
    if (!isOpen() && hasFailed()) await until(this, isOpen, Math.min(RECONSIDER, milliseconds - took), signal);
    return { connection: isOpen() ? "connected" : hasFailed() ? "failed" : "connecting", milliseconds: took };
  }

  close() {
    for (const end of this.ends) end.close();
  }

  /** @param {RTCPeerConnection} end @param {number} index */
  #listen(end, index) {
    for (const event of ["icegatheringstatechange", "connectionstatechange"]) {
      end.addEventListener(event, () => this.#changed());
    }
    end.addEventListener("icecandidate", ({ candidate }) => {
      // Firefox ends with an empty candidate.
      if (!candidate?.candidate) return;
      if (candidate.type === "relay") this.candidates[index].push(candidate);
      if (this.#isIntroduced) this.#tell(index, candidate);
      this.#changed();
    });
    end.addEventListener("icecandidateerror", (event) => {
      // Chromium also asks TURN servers as STUN servers, and reports that too.
      if (event.url?.startsWith("stun")) return;
      this.errors.push({ code: event.errorCode, text: event.errorText, at: this.age });
      if (event.errorCode !== UNREACHABLE) setTimeout(() => this.#refused(), GRACE);
      this.#changed();
    });
  }

  #refused() {
    this.#isRefused = true;
    this.#changed();
  }

  /** @param {number} from @param {RTCIceCandidate} candidate */
  #tell(from, candidate) {
    const to = this.ends[1 - from];
    // Closed meanwhile: then nobody needs it.
    to.addIceCandidate(candidate).catch(() => {});
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {RTCSessionDescription} description @returns {RTCSessionDescriptionInit} */
function withoutCandidates({ type, sdp }) {
  return { type, sdp: sdp.replace(/^a=(candidate|end-of-candidates).*\r\n/gm, "") };
}
