// @ts-check
/** Camera, microphone and screen. */

/** @typedef {"insecure" | "refused" | "none" | "busy" | "other"} Fault */
/** @typedef {{fault: Fault | null, missing: "audio" | "video" | null}} Opened */

/**
 * What went wrong, of the things that a person can do something about.
 *
 * @param {unknown} error
 * @returns {Fault}
 */
export function faultOf(error) {
  const name = /** @type {{name?: string} | null} */ (error)?.name ?? "";
  if (name === "NotAllowedError" || name === "PermissionDeniedError") return "refused";
  if (name === "SecurityError") return "insecure";
  if (name === "NotFoundError" || name === "OverconstrainedError" || name === "DevicesNotFoundError") return "none";
  if (name === "NotReadableError" || name === "AbortError" || name === "TrackStartError") return "busy";
  return "other";
}

export class Media {
  /** @type {MediaStream | null} */ #own = null;
  /** @type {MediaStream | null} */ #screen = null;
  /** Whether the browser's question for a screen is open. */
  choosing = false;
  /** Grows with every opening and closing: an answer to an older question is no longer wanted. */
  #turn = 0;

  /**
   * @param {(what: "device" | "screen") => void} ended something went away by itself
   * @param {MediaDevices | undefined} devices
   */
  constructor(ended, devices = globalThis.navigator?.mediaDevices) {
    this.ended = ended;
    this.devices = devices;
  }

  get canShare() {
    return typeof this.devices?.getDisplayMedia === "function";
  }

  get sharing() {
    return this.#screen !== null;
  }

  /** What the own picture shows. @returns {MediaStream | null} */
  get shown() {
    return this.#screen ?? this.#own;
  }

  /** @param {"audio" | "video"} kind @returns {MediaStreamTrack | undefined} */
  track(kind) {
    return this.#own?.getTracks().find((track) => track.kind === kind && track.readyState === "live");
  }

  /** What goes to the other person. */
  outgoing() {
    const screen = this.#screen?.getVideoTracks()[0];
    const stream = this.#own ?? this.#screen;
    return [this.track("audio"), screen ?? this.track("video")].flatMap((track) =>
      track && stream ? [{ track, stream }] : [],
    );
  }

  /**
   * Asks for camera and microphone, and for one of them where the other is missing.
   *
   * @returns {Promise<Opened | null>} null: closed before the answer came
   */
  async open() {
    this.close();
    const turn = this.#turn;
    const { stream, ...opened } = await this.#ask();
    if (turn !== this.#turn) {
      stream?.getTracks().forEach((track) => track.stop());
      return null;
    }
    this.#own = stream;
    for (const track of stream?.getTracks() ?? []) track.addEventListener("ended", () => this.ended("device"));
    return opened;
  }

  close() {
    this.#turn += 1;
    this.stopSharing();
    this.#own?.getTracks().forEach((track) => track.stop());
    this.#own = null;
  }

  /** @returns {Promise<MediaStreamTrack | null>} null: not wanted any more, or the question is open or answered already */
  async share() {
    if (this.choosing || this.sharing) return null;
    const turn = this.#turn;
    const stream = await this.#askForScreen();
    const [track] = stream.getVideoTracks();
    if (turn !== this.#turn || !track) {
      stream.getTracks().forEach((unused) => unused.stop());
      return null;
    }
    track.contentHint = "detail";
    track.addEventListener("ended", () => {
      if (this.#screen !== stream) return;
      this.#screen = null;
      this.ended("screen");
    });
    this.#screen = stream;
    return track;
  }

  async #askForScreen() {
    this.choosing = true;
    try {
      return await /** @type {MediaDevices} */ (this.devices).getDisplayMedia({ video: true });
    } finally {
      this.choosing = false;
    }
  }

  stopSharing() {
    this.#screen?.getTracks().forEach((track) => track.stop());
    this.#screen = null;
  }

  /** @returns {Promise<Opened & {stream: MediaStream | null}>} */
  async #ask() {
    const { devices } = this;
    if (!devices?.getUserMedia) return { stream: null, fault: "insecure", missing: null };
    /** @type {Fault} */
    let fault = "other";
    for (const missing of /** @type {const} */ ([null, "video", "audio"])) {
      try {
        const stream = await devices.getUserMedia({ audio: missing !== "audio", video: missing !== "video" });
        return { stream, fault: missing && fault, missing };
      } catch (error) {
        // The first answer is the one about both.
        if (!missing) fault = faultOf(error);
        if (fault === "refused" || fault === "insecure") break;
      }
    }
    return { stream: null, fault, missing: null };
  }
}
