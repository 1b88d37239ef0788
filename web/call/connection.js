// @ts-check
/** The connection to the other person: made, replaced, repaired. There is one at a time, or none. */

import { Negotiation } from "./negotiation.js";
import { overall, Repair } from "./repair.js";

/** @typedef {import("./negotiation.js").Signal} Signal */

/**
 * What the connection asks of the page, and tells it.
 *
 * @typedef {object} Surroundings
 * @property {() => RTCConfiguration} configuration the newest
 * @property {() => {track: MediaStreamTrack, stream: MediaStream}[]} outgoing what is sent
 * @property {(signal: Signal) => void} send
 * @property {() => boolean} reachable whether the other person can be told anything now
 * @property {(connection: RTCPeerConnection | null) => void} changed
 * @property {(state: RTCPeerConnectionState) => void} progress
 * @property {(stream: MediaStream) => void} remote something comes in
 */

export class Connection {
  /** @type {RTCPeerConnection | null} */ #peer = null;
  /** @type {Negotiation | null} */ #negotiation = null;
  /** Signals are taken one after the other. */
  #queue = Promise.resolve();
  /** Grows when a call ends: what its other end said is not for the next one. */
  #calls = 0;
  /** Whether this end gives way when both offer. */
  polite = false;

  /** @param {Surroundings} page */
  constructor(page) {
    this.page = page;
  }

  /** Whether it may still carry the call. */
  get alive() {
    return this.#peer !== null && !["failed", "closed"].includes(overall(this.#peer));
  }

  open() {
    this.#drop();
    const peer = new RTCPeerConnection(this.page.configuration());
    this.#peer = peer;
    this.#negotiation = new Negotiation(peer, () => this.polite, (signal) => {
      if (this.#peer === peer) this.page.send(signal);
    });
    for (const { track, stream } of this.page.outgoing()) peer.addTrack(track, stream);
    this.#watch(peer);
    this.page.changed(peer);
  }

  close() {
    this.#calls += 1;
    this.#drop();
  }

  #drop() {
    if (!this.#peer) return;
    const peer = this.#peer;
    this.#peer = null;
    this.#negotiation = null;
    peer.close();
    this.page.changed(null);
  }

  offer() {
    const peer = this.#peer;
    if (!peer) return;
    // What this end does not send it still wants to receive.
    for (const kind of ["audio", "video"]) {
      const there = peer.getTransceivers().some(({ receiver }) => receiver.track.kind === kind);
      if (!there) peer.addTransceiver(kind, { direction: "recvonly" });
    }
    void this.#negotiation?.offer();
  }

  restart() {
    if (this.page.reachable()) void this.#negotiation?.restart();
  }

  /**
   * Another one in place of this one. The other end takes it for a page loaded again. A restart would not do for
   * another policy: browsers keep a path that works, whatever the new policy says of it.
   */
  remake() {
    if (!this.#peer || !this.page.reachable()) return;
    this.open();
    this.offer();
  }

  /** After the server was away: whatever broke meanwhile is mended now. */
  recover() {
    if (this.#peer && overall(this.#peer) !== "connected") this.restart();
  }

  /** Takes the newest servers, for the next restart. */
  refresh() {
    const { iceServers } = this.page.configuration();
    this.#peer?.setConfiguration({ ...this.#peer.getConfiguration(), iceServers });
  }

  /** @param {Signal} signal */
  receive(signal) {
    const call = this.#calls;
    this.#queue = this.#queue
      .then(() => (call === this.#calls ? this.#take(signal) : undefined))
      .catch((error) => {
        if (call === this.#calls) console.warn(`${signal.type}:`, error);
      });
  }

  /**
   * Sends this picture from now on, or none.
   *
   * @param {MediaStreamTrack | null} track
   * @param {MediaStream} stream
   */
  async replaceVideo(track, stream) {
    const video = this.#peer?.getTransceivers().find(({ receiver }) => receiver.track.kind === "video");
    if (!video) {
      if (track) this.#peer?.addTrack(track, stream);
      return;
    }
    await video.sender.replaceTrack(track);
    if (track) video.sender.setStreams?.(stream);
    video.direction = track ? "sendrecv" : "recvonly"; // A change asks for negotiation.
  }

  /** @param {Signal} signal */
  async #take(signal) {
    const call = this.#calls;
    if ((await this.#negotiation?.take(signal)) !== "stranger" || call !== this.#calls) return;
    // Somebody else, or the same person with the page loaded again: what was agreed with the one before is void.
    this.open();
    if (signal.type === "offer") await this.#negotiation?.take(signal);
    else this.offer();
  }

  /** @param {RTCPeerConnection} peer */
  #watch(peer) {
    const repair = new Repair(() => this.#peer === peer && this.restart());
    const incoming = new MediaStream();
    let before = "";
    const look = () => {
      const state = this.#peer === peer ? overall(peer) : "closed";
      if (state === before) return;
      before = state;
      repair.watch(state);
      if (this.#peer === peer) this.page.progress(state);
    };
    peer.addEventListener("connectionstatechange", look);
    peer.addEventListener("iceconnectionstatechange", look);
    peer.addEventListener("track", ({ track }) => {
      incoming.addTrack(track);
      if (this.#peer === peer) this.page.remote(incoming);
    });
  }
}
