// @ts-check
/** The call page: binds the state machine to server, connection, devices and elements. */

import { byId } from "../shared/dom.js";
import { languageButton } from "../shared/language.js";
import { StatsPanel } from "../stats/panel.js";
import { Connection } from "./connection.js";
import { START, allowed, step } from "./machine.js";
import { faultOf, Media } from "./media.js";
import { signalOf } from "./negotiation.js";
import { hashOf, isRoomName, placeOf, randomName } from "./room.js";
import { Signaling } from "./signaling.js";
import { View } from "./view.js";
import { FAULTS, hasRelay, MISSING, problemKey } from "./words.js";

/** @typedef {import("./machine.js").Action} Action */
/** @typedef {import("./machine.js").CallEvent} CallEvent */
/** @typedef {import("./negotiation.js").Signal} Signal */
/** @typedef {import("./signaling.js").ServerEvent} ServerEvent */

languageButton(byId("language", HTMLButtonElement));

const view = new View();
const panel = new StatsPanel(byId("statistics", HTMLElement));
const media = new Media(mediaEnded);
const signaling = new Signaling(fromServer);
const connection = new Connection({
  configuration,
  outgoing: () => media.outgoing(),
  send: (signal) => signaling.send(signal),
  reachable: () => model.state === "joined_conn" && model.peer,
  changed: connectionChanged,
  progress: (state) => {
    progress = state;
    if (state === "failed") dispatch({ type: "broken" });
    draw();
  },
  remote: showRemote,
});

let model = START;
/** What the link says. */
let invited = { room: "", token: "" };
let copied = false;
/** @type {RTCPeerConnectionState | null} */
let progress = null;
/** @type {import("./view.js").Notice | null} */
let notice = null;
/** The newest the server gave. @type {RTCIceServer[] | undefined} */
let iceServers;
/** What the message being handled says. @type {Signal | null} */
let signal = null;

/** @type {Record<Action, () => void>} */
const ACTIONS = {
  openMedia: () => void openMedia(),
  closeMedia: () => media.close(),
  enterRoom: () => signaling.enter(place()),
  leaveRoom: () => signaling.leave(),
  retryJoin: () => signaling.retry(),
  openConnection: () => connection.open(),
  closeConnection: () => connection.close(),
  offer: () => connection.offer(),
  restart: () => connection.restart(),
  recover: () => connection.recover(),
  receive: () => void (signal && connection.receive(signal)),
};

/** @param {CallEvent} event */
function dispatch(event) {
  const next = step(model, event);
  model = next.model;
  for (const action of next.actions) ACTIONS[action]();
  draw();
}

/** @param {ServerEvent} event */
function fromServer(event) {
  switch (event.type) {
    case "joined":
      learn(event.info.iceServers);
      if (!event.info.resumed) connection.polite = event.info.polite === true;
      if (!notice?.note) notice = null;
      dispatch({
        type: "joined",
        count: event.info.count,
        resumed: event.info.resumed === true,
        alive: connection.alive,
      });
      return warnOfNoRelay();
    case "other_joined":
      connection.polite = false; // Whoever is there already keeps its offer.
      return dispatch({ type: "other_joined", alive: connection.alive });
    case "message":
      signal = signalOf(event.data);
      return signal ? dispatch({ type: "message", kind: signal.type }) : undefined;
    case "turn_refresh":
      return event.turn.iceServers ? learn(event.turn.iceServers) : undefined;
    case "unreachable":
      if (model.doing) tell({ key: "call.problem.unreachable" });
      return;
    case "crowd":
      if (event.crowded) tell({ key: "call.crowd", note: true });
      else if (notice?.key === "call.crowd") tell(null);
      return;
    case "full":
      tell({ key: "call.problem.full" });
      return dispatch({ type: "full" });
    case "refused":
      tell({ key: problemKey(event.code), values: { reason: event.reason || event.code } });
      return dispatch({ type: "refused" });
    case "problem":
      return tell({ key: problemKey(event.code), values: { reason: event.reason || event.code } });
    default:
      return dispatch({ type: event.type });
  }
}

/** @param {import("./view.js").Notice | null} next */
function tell(next) {
  notice = next;
  draw();
}

function draw() {
  view.render({ model, connection: progress, media, invited: invited.room, copied, notice });
}

/** @returns {RTCConfiguration} */
function configuration() {
  return {
    iceServers: iceServers ?? [],
    iceTransportPolicy: view.relayOnly.checked ? "relay" : "all",
    bundlePolicy: "max-bundle",
  };
}

/** @param {RTCIceServer[] | undefined} servers */
function learn(servers) {
  iceServers = Array.isArray(servers) ? servers : undefined;
  try {
    new RTCPeerConnection(configuration()).close();
  } catch (error) {
    // One bad URL would spoil every connection.
    iceServers = undefined;
    tell({ key: "call.problem.servers", values: { reason: String(error) }, note: true });
  }
  connection.refresh();
}

function warnOfNoRelay() {
  const missing = view.relayOnly.checked && allowed(model).leave && !hasRelay(iceServers);
  if (missing && !model.doing) tell({ key: "call.relay.none", note: true });
  else if (notice?.key === "call.relay.none") tell(null);
}

/** @param {RTCPeerConnection | null} peer */
function connectionChanged(peer) {
  progress = peer ? "new" : null;
  if (!peer) view.remote.srcObject = null;
  panel.watch(peer);
  document.dispatchEvent(new CustomEvent("connection", { detail: peer }));
}

/** @param {MediaStream} stream */
function showRemote(stream) {
  for (const track of stream.getTracks()) track.onmute = track.onunmute = track.onended = draw;
  if (view.remote.srcObject !== stream) view.remote.srcObject = stream;
  draw();
  play();
}

function play() {
  view.remote.play().catch((error) => {
    if (error?.name !== "NotAllowedError") return; // Another stream came in between.
    tell({ key: "call.problem.play", note: true, remedy: { key: "call.play", run: () => (tell(null), play()) } });
  });
}

async function openMedia() {
  const opened = await media.open();
  if (!opened) return;
  const { fault, missing } = opened;
  if (fault && !missing) {
    tell({ key: FAULTS[fault], remedy: { key: "call.receive", run: () => begin("connect_receiving") } });
    return dispatch({ type: "media_failed" });
  }
  if (missing) notice = { key: MISSING[missing], note: true };
  dispatch({ type: "media_ready" });
}

/** Something stopped by itself: a device, or the screen by the browser's own button. @param {"device" | "screen"} what */
function mediaEnded(what) {
  if (what === "device") tell({ key: "call.media.ended", note: true });
  void sendPicture();
}

/** Sends the screen, the camera or nothing, as it is now. */
async function sendPicture() {
  const picture = media.outgoing().find(({ track }) => track.kind === "video");
  await connection.replaceVideo(picture?.track ?? null, picture?.stream ?? new MediaStream());
  draw();
}

async function share() {
  if (media.sharing) media.stopSharing();
  else {
    try {
      const asking = media.share();
      draw(); // The button waits for the answer.
      await asking;
    } catch (error) {
      // Closing the question without a choice is a refusal too, but nothing to complain about.
      if (faultOf(error) !== "refused") tell({ key: "call.problem.share" });
    }
  }
  await sendPicture();
}

/** @param {"audio" | "video"} kind */
function switchTrack(kind) {
  const track = media.track(kind);
  if (track) track.enabled = !track.enabled;
  draw();
}

function place() {
  const room = view.room.value.trim();
  return { room, token: room === invited.room ? invited.token : "" }; // A token opens its own room only.
}

/** @param {"connect" | "connect_receiving"} type */
function begin(type) {
  const fits = isRoomName(place().room);
  view.room.setAttribute("aria-invalid", String(!fits));
  if (!fits) {
    view.room.focus();
    return tell({ key: "call.error.room" });
  }
  invited = place();
  history.replaceState(null, "", hashOf(invited));
  notice = null;
  dispatch({ type });
}

async function copyLink() {
  const link = `${location.origin}${location.pathname}${hashOf(place())}`;
  try {
    await navigator.clipboard.writeText(link);
    copied = true;
    setTimeout(() => ((copied = false), draw()), 2500);
    draw();
  } catch {
    tell({ key: "call.copy.failed", values: { link }, note: true });
  }
}

function readLink() {
  if (!allowed(model).connect) return;
  invited = placeOf(location);
  if (!isRoomName(invited.room)) invited = { room: "", token: "" };
  view.room.value = invited.room || randomName();
}

view.lobby.addEventListener("submit", (event) => {
  event.preventDefault();
  if (allowed(model).connect) begin("connect");
});
view.relayOnly.addEventListener("change", () => {
  connection.remake();
  warnOfNoRelay();
});
view.button.leave.addEventListener("click", () => dispatch({ type: "leave" }));
view.button.mute.addEventListener("click", () => switchTrack("audio"));
view.button.camera.addEventListener("click", () => switchTrack("video"));
view.button.share.addEventListener("click", () => void share());
view.button.restart.addEventListener("click", () => connection.restart());
for (const button of [view.button.copy, view.button.invite]) button.addEventListener("click", () => void copyLink());
view.button.dismiss.addEventListener("click", () => tell(null));
addEventListener("pagehide", () => dispatch({ type: "leave" }));
view.room.addEventListener("input", draw);
addEventListener("hashchange", () => (readLink(), draw()));
document.addEventListener("languagechange", draw);

readLink();
draw();
