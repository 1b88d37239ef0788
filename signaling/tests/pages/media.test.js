import assert from "node:assert/strict";
import { test } from "node:test";
import { Media } from "../../../web/call/media.js";

class Track extends EventTarget {
  readyState = "live";
  enabled = true;
  constructor(kind) {
    super();
    this.kind = kind;
  }
  stop() {
    this.readyState = "ended";
  }
}

const stream = (...kinds) => {
  const tracks = kinds.map((kind) => new Track(kind));
  return { getTracks: () => tracks, getVideoTracks: () => tracks.filter(({ kind }) => kind === "video") };
};

/** Devices of which some are missing. */
const devices = (present, error = "NotFoundError") => ({
  asked: [],
  async getUserMedia({ audio, video }) {
    this.asked.push([audio && "audio", video && "video"].filter(Boolean).join("+"));
    const kinds = [audio && "audio", video && "video"].filter(Boolean);
    if (kinds.some((kind) => !present.includes(kind))) throw Object.assign(new Error(), { name: error });
    return stream(...kinds);
  },
  getDisplayMedia: async () => stream("video"),
});

const kinds = (media) => media.outgoing().map(({ track }) => track.kind);

test("both, or the one there is", async () => {
  for (const [present, opened, out] of [
    [["audio", "video"], { fault: null, missing: null }, ["audio", "video"]],
    [["audio"], { fault: "none", missing: "video" }, ["audio"]],
    [["video"], { fault: "none", missing: "audio" }, ["video"]],
    [[], { fault: "none", missing: null }, []],
  ]) {
    const media = new Media(() => {}, devices(present));
    assert.deepEqual(await media.open(), opened);
    assert.deepEqual(kinds(media), out);
  }
});

test("who refused is not asked again", async () => {
  const refusing = devices([], "NotAllowedError");
  assert.deepEqual(await new Media(() => {}, refusing).open(), { fault: "refused", missing: null });
  assert.deepEqual(refusing.asked, ["audio+video"]);
});

test("an insecure page has no devices", async () => {
  const media = new Media(() => {}, /** @type {any} */ ({}));
  assert.deepEqual(await media.open(), { fault: "insecure", missing: null });
  assert.equal(media.canShare, false);
});

test("an answer that comes after closing is let go", async () => {
  const late = stream("audio", "video");
  const media = new Media(() => {}, { getUserMedia: async () => late });
  const opening = media.open();
  media.close();
  assert.equal(await opening, null);
  assert.deepEqual(late.getTracks().map(({ readyState }) => readyState), ["ended", "ended"]);
  assert.equal(media.shown, null);
});

test("the screen takes the camera's place, until it ends by itself", async () => {
  let ended = "";
  const media = new Media((what) => (ended += what), devices(["audio", "video"]));
  await media.open();
  const camera = media.track("video");
  const screen = await media.share();
  assert.deepEqual([media.sharing, media.outgoing()[1].track === screen, screen.contentHint], [true, true, "detail"]);
  screen.dispatchEvent(new Event("ended"));
  assert.deepEqual([media.sharing, media.outgoing()[1].track === camera, ended], [false, true, "screen"]);
  await media.share();
  media.stopSharing();
  assert.deepEqual([media.sharing, ended], [false, "screen"]);
});

test("one question for a screen at a time, and no screen beside another", async () => {
  const [asked, answers] = [[], []];
  const getDisplayMedia = () => {
    asked.push(stream("video"));
    return new Promise((...settle) => answers.push(settle));
  };
  const media = new Media(() => {}, { ...devices([]), getDisplayMedia });
  const [first, second] = [media.share(), media.share()];
  assert.equal(media.choosing, true);
  answers.forEach(([answer], index) => answer(asked[index]));
  assert.deepEqual([await first, await second], [asked[0].getVideoTracks()[0], null]);
  assert.deepEqual([media.choosing, asked.length, await media.share()], [false, 1, null]);
  media.close();
  assert.ok(asked.every((screen) => screen.getTracks().every(({ readyState }) => readyState === "ended")));
  // Who refused may be asked again.
  const refused = media.share();
  answers[1][1](Object.assign(new Error(), { name: "NotAllowedError" }));
  await assert.rejects(refused);
  assert.equal(media.choosing, false);
});

test("closing stops everything", async () => {
  const media = new Media(() => {}, devices(["audio", "video"]));
  await media.open();
  const tracks = [media.track("audio"), media.track("video"), await media.share()];
  media.close();
  assert.ok(tracks.every(({ readyState }) => readyState === "ended"));
  assert.deepEqual(media.outgoing(), []);
});
