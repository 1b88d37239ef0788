// @ts-check
/** The page's elements, and how they follow what is going on. Everything that comes from others is put in as text. */

import { byId } from "../shared/dom.js";
import { text } from "../shared/language.js";
import { allowed } from "./machine.js";
import { stateKey, stateMood } from "./words.js";

/** @typedef {import("./machine.js").Model} Model */
/** @typedef {{key: string, values?: Record<string, string>, note?: boolean, remedy?: {key: string, run: () => void}}} Notice */

/**
 * @typedef {object} Scene
 * @property {Model} model
 * @property {RTCPeerConnectionState | null} connection
 * @property {import("./media.js").Media} media
 * @property {string} invited the room that the page's link names
 * @property {boolean} copied
 * @property {Notice | null} notice
 */

const BUTTONS = ["connserver", "leave", "mute", "camera", "share", "restart", "copy", "invite", "remedy", "dismiss"];
const PARTS = [
  "self", "selfnote", "state", "error", "errortext", "controls",
  "welcome", "ready", "readyroom", "waiting", "waitingtext", "waitinghint",
];

export class View {
  room = byId("room", HTMLInputElement);
  relayOnly = byId("relayonly", HTMLInputElement);
  lobby = byId("lobby", HTMLFormElement);
  local = byId("local", HTMLVideoElement);
  remote = byId("remote", HTMLVideoElement);
  button = Object.fromEntries(BUTTONS.map((id) => [id, byId(id, HTMLButtonElement)]));
  part = Object.fromEntries(PARTS.map((id) => [id, byId(id, HTMLElement)]));

  /** @param {Scene} scene */
  render(scene) {
    const active = document.activeElement;
    this.#state(scene);
    this.#lobby(scene);
    this.#controls(scene);
    this.#stage(scene);
    this.#notice(scene.notice);
    // A focus must not vanish with its button: what has happened is said in the state, before the buttons.
    if (active instanceof HTMLButtonElement && (active.disabled || active.closest("[hidden]"))) this.part.state.focus();
  }

  /** @param {Scene} scene */
  #state({ model, connection }) {
    document.documentElement.dataset.state = model.state;
    document.documentElement.dataset.connection = connection ?? "";
    const { state } = this.part;
    state.className = stateMood(model, connection);
    write(state, text(stateKey(model, connection)));
  }

  /** @param {Scene} scene */
  #lobby({ model, copied }) {
    const may = allowed(model);
    const { connserver, copy, invite, restart } = this.button;
    this.room.readOnly = !may.connect;
    this.relayOnly.disabled = model.state === "reconnecting"; // The other end could not be told.
    connserver.disabled = !may.connect;
    connserver.hidden = may.call;
    restart.hidden = !may.call;
    restart.disabled = model.state !== "joined_conn" || !model.peer;
    for (const button of [copy, invite]) write(button, text(copied ? "call.copied" : "call.copy"));
  }

  /** @param {Scene} scene */
  #controls({ model, media }) {
    const may = allowed(model);
    const { leave, mute, camera, share } = this.button;
    this.part.controls.hidden = !may.leave;
    leave.disabled = !may.leave;
    const microphone = media.track("audio");
    const picture = media.track("video");
    toggle(mute, !may.call || !microphone, "mutetext", microphone?.enabled === false ? "call.unmute" : "call.mute");
    mute.classList.toggle("off", microphone?.enabled === false);
    toggle(camera, !may.call || !picture, "cameratext", picture?.enabled === false ? "call.camera.on" : "call.camera.off");
    camera.classList.toggle("off", picture?.enabled === false);
    share.hidden = !media.canShare;
    toggle(share, !may.call || media.choosing, "sharetext", media.sharing ? "call.share.stop" : "call.share");
    share.classList.toggle("on", media.sharing);
  }

  /** @param {Scene} scene */
  #stage({ model, media, invited }) {
    const { welcome, ready, readyroom, waiting, waitingtext, waitinghint, self, selfnote } = this.part;
    const may = allowed(model);
    const connected = model.state === "joined_conn" || model.was === "joined_conn";
    const seen = connected && hasPicture(this.remote);
    const known = invited !== "" && invited === this.room.value;
    welcome.hidden = may.call || known;
    ready.hidden = may.call || !known;
    write(readyroom, text("call.ready", { room: invited }));
    waiting.hidden = !may.call || seen;
    write(waitingtext, text(connected ? "call.noPicture" : "call.waiting"));
    waitinghint.hidden = connected;
    this.button.invite.hidden = connected;
    self.hidden = !media.shown;
    if (this.local.srcObject !== media.shown) this.local.srcObject = media.shown;
    this.local.classList.toggle("mirror", !media.sharing);
    const picture = media.sharing || media.track("video")?.enabled;
    const note = media.track("audio")?.enabled === false ? "call.muted" : picture ? null : "call.noCamera";
    selfnote.hidden = !note;
    write(selfnote, note ? text(note) : "");
  }

  /** @param {Notice | null} notice */
  #notice(notice) {
    const { error, errortext } = this.part;
    const { remedy } = this.button;
    const fresh = error.hidden && notice;
    error.hidden = !notice;
    error.classList.toggle("note", notice?.note === true);
    write(errortext, notice ? text(notice.key, notice.values) : "");
    remedy.hidden = !notice?.remedy;
    write(remedy, notice?.remedy ? text(notice.remedy.key) : "");
    remedy.onclick = notice?.remedy?.run ?? null;
    if (fresh) error.scrollIntoView({ block: "nearest" });
  }
}

/** @param {HTMLVideoElement} video @returns {boolean} */
function hasPicture({ srcObject }) {
  return srcObject instanceof MediaStream && srcObject.getVideoTracks().some((track) => track.readyState === "live" && !track.muted);
}

/** @param {HTMLButtonElement} button @param {boolean} disabled @param {string} label @param {string} key */
function toggle(button, disabled, label, key) {
  button.disabled = disabled;
  write(byId(label, HTMLElement), text(key));
}

/** What did not change is not said again by a screen reader. @param {HTMLElement} element @param {string} words */
function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
