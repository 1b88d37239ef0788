// A connection that is lost, and the place that is kept for it: the last section but one of docs/SIGNALING.md.

import assert from "node:assert/strict";
import { CLOSED, closeAll } from "./clients.mjs";
import {
  hearsBye, hearsMessage, hearsNewcomer, isDisconnected, join, judgeError, memberHeardNothing, newRoom, refused,
} from "./expect.mjs";
import { fact, sleep, until } from "./report.mjs";
import { pair } from "./table.mjs";

/**
 * `grace`: seconds that the server keeps a place. `notice`: milliseconds that it may take to see the end of a connection.
 * `overflow`: more messages than it keeps for who is away. `pace`: milliseconds between them that no rate limit minds.
 * `capacity`: of a room.
 */
export const LOST_SETTINGS = { grace: 10, notice: 1000, overflow: 400, pace: 0, capacity: 2 };

const note = (number) => ({ type: "note", number });

export function lostCases(open, settings) {
  const cases = { ...kept(open, settings), ...notKept(open, settings) };
  return Object.fromEntries(Object.entries(cases).map(([name, run]) => [name, () => run().finally(closeAll)]));
}

const RESUMABLE = { bobs: { link: true }, options: { resume: true } };

/** Until a cut of the connection is one that the server sees: both ends have upgraded from polling to a WebSocket. */
async function upgraded(client, room) {
  await until(5000, "the upgrade to a WebSocket", () => client.transport() === "websocket");
  await memberHeardNothing(client, room);
}

async function cut(client, how) {
  client.link.cut(how);
  await client.expect(CLOSED);
}

function kept(open, { spellings, notice, grace, overflow, pace, capacity }) {
  /** Sends into a room until all the others have fallen out of it; how many that took. */
  const sendUntilBye = async (sender, room, gone) => {
    let sent = 0;
    const missed = new Set(gone);
    for (; missed.size && sent < overflow; sent += 1) {
      sender.send("message", room, note(sent));
      await sleep(pace);
      while (sender.waiting() || sent + 1 === overflow) {
        const [name, named, id, third] = await sender.next();
        assert.deepEqual([name, named, third], ["bye", room, { reason: "lost" }]);
        assert.ok(missed.delete(id), `a second bye of ${id}`);
        if (!missed.size) break;
      }
    }
    assert.equal(missed.size, 0, `${missed.size} still there after ${sent} messages`);
    // The one that was too much has nobody to take it, nor have those that were on their way by then.
    const elsewhere = newRoom();
    sender.send("message", elsewhere, note(sent));
    await refused(sender, "no_peer", "message", room);
    for (;;) {
      const error = await sender.expect("sig_error");
      if (error[0]?.code === "not_in_room") {
        judgeError(error, "not_in_room", "message", elsewhere);
        return sent;
      }
      judgeError(error, "no_peer", "message", room);
    }
  };

  /** Bob is back. `number` is that of the last packet he does not get again. */
  const resume = async (room, { me, number }, wanted = {}, seen = undefined) => {
    const back = await open({ label: "bob again" });
    back.number = seen ?? number;
    const options = { resume: me.resume, ...(seen === undefined ? {} : { seen }) };
    back.me = await join(back, room, { id: me.id, resumed: true, polite: true, ...wanted }, options);
    return back;
  };

  const queueAndResume = async (how) => {
    const [alice, bob, room] = await pair(open, { ...RESUMABLE, spellings });
    await upgraded(bob, room);
    await cut(bob, how);
    await sleep(notice);
    for (let number = 0; number < 20; number += 1) alice.send("message", room, note(number));
    await memberHeardNothing(alice, room);
    const carol = await open({ label: "carol" });
    carol.send("join", room);
    await carol.expect("full"); // The place is kept.
    const back = await resume(room, bob, { count: 2, peers: [alice.me.id] });
    for (let number = 0; number < 20; number += 1) await hearsMessage(back, room, note(number), alice.me.id);
    await memberHeardNothing(alice, room);
    await memberHeardNothing(back, room);
    back.send("message", room, note(20));
    await hearsMessage(alice, room, note(20), bob.me.id);
    alice.send("message", room, note(21));
    await hearsMessage(back, room, note(21), alice.me.id);
    return [alice, back, room];
  };

  return {
    async resume_with_queue() {
      const [alice, back, room] = await queueAndResume({ reset: true });
      back.send("leave", room);
      await back.expect("leaved");
      await hearsBye(alice, room, back.me.id, "leave");
    },

    async resume_after_end_of_stream() {
      await queueAndResume({ reset: false });
    },

    async resume_twice() {
      const [alice, bob, room] = await pair(open, { ...RESUMABLE, spellings });
      bob.link.cut();
      const first = await resume(room, bob);
      first.send("message", room, note(1));
      await hearsMessage(alice, room, note(1), bob.me.id);
      const second = await resume(room, first);
      second.send("message", room, note(2));
      await hearsMessage(alice, room, note(2), bob.me.id);
      // A proper close of who is a member no more is nothing to the room.
      first.close();
      await memberHeardNothing(alice, room);
      second.close();
      await hearsBye(alice, room, bob.me.id, "lost");
    },

    /** The server still believes in the old connection: the secret decides. */
    async resume_takes_over() {
      const [alice, bob, room] = await pair(open, { spellings, options: { resume: true } });
      const back = await resume(room, bob, { count: 2, peers: [alice.me.id] });
      const reason = await isDisconnected(bob);
      fact("taken_over_reason", reason ?? "none");
      assert.ok(reason, "who is disconnected is told why");
      await memberHeardNothing(alice, room);
      alice.send("message", room, note(1));
      await hearsMessage(back, room, note(1), alice.me.id);
    },

    /** Nobody has told the server that the old connection is dead. */
    async resume_while_frozen() {
      const [alice, bob, room] = await pair(open, { ...RESUMABLE, spellings });
      bob.link.freeze();
      const back = await resume(room, bob, { count: 2, peers: [alice.me.id] });
      alice.send("message", room, note(1));
      await hearsMessage(back, room, note(1), alice.me.id);
      bob.link.cut();
      await sleep(notice);
      await memberHeardNothing(alice, room);
      await memberHeardNothing(back, room);
    },

    /** What the server wrote is not always what the client read. */
    async resume_with_seen() {
      const [alice, bob, room] = await pair(open, { ...RESUMABLE, spellings });
      await upgraded(bob, room);
      for (let number = 1; number <= 5; number += 1) alice.send("message", room, note(number));
      for (let number = 1; number <= 5; number += 1) await hearsMessage(bob, room, note(number), alice.me.id);
      await cut(bob);
      await sleep(notice);
      alice.send("message", room, note(6));
      await memberHeardNothing(alice, room);
      let last = bob;
      for (const seen of [3, 0, 5, 6, 1000]) {
        last = await resume(room, last, { count: 2 }, seen);
        for (let number = seen + 1; number <= 6; number += 1) await hearsMessage(last, room, note(number), alice.me.id);
        await memberHeardNothing(last, room);
      }
      last.number = 6;
      alice.send("message", room, note(7));
      await hearsMessage(last, room, note(7), alice.me.id);
    },

    /** A place that was taken over once is kept like any other. */
    async resume_is_for_good() {
      const [alice, bob, room] = await pair(open, { spellings });
      const first = await open({ label: "bob again", link: true });
      await join(first, room, { id: bob.me.id, resumed: true }, { resume: bob.me.resume });
      await upgraded(first, room);
      await cut(first);
      await sleep(notice);
      await memberHeardNothing(alice, room);
      const second = await open({ label: "bob once more" });
      await join(second, room, { id: bob.me.id, resumed: true }, { resume: bob.me.resume });
    },

    /** Only so much is kept; who is away too long for it is gone. */
    async resume_overflow() {
      const [alice, bob, room] = await pair(open, { ...RESUMABLE, spellings });
      await upgraded(bob, room);
      await cut(bob);
      await sleep(notice);
      fact("kept_messages", await sendUntilBye(alice, room, [bob.me.id]));
      const back = await open({ label: "bob again" });
      const me = await join(back, room, { resumed: false, count: 2 }, { resume: bob.me.resume });
      await hearsNewcomer(alice, room, me.id, 2, spellings);
      await memberHeardNothing(back, room);
    },

    async overflow_of_two() {
      if (capacity < 3) return;
      const [alice, bob, room] = await pair(open, { ...RESUMABLE, spellings });
      const carol = await open({ label: "carol", link: true });
      carol.me = await join(carol, room, { count: 3 }, { resume: true });
      await hearsNewcomer(alice, room, carol.me.id, 3, spellings);
      await hearsNewcomer(bob, room, carol.me.id, 3, spellings);
      for (const one of [bob, carol]) {
        await upgraded(one, room);
        await cut(one);
      }
      await sleep(notice);
      await sendUntilBye(alice, room, [bob.me.id, carol.me.id]);
      await join(alice, room, { count: 1, peers: [] });
    },

    async resume_finds_the_other_gone() {
      const [alice, bob, room] = await pair(open, { ...RESUMABLE, spellings });
      await upgraded(bob, room);
      await cut(bob);
      await sleep(notice);
      alice.send("message", room, note(1));
      alice.send("leave", room);
      await alice.expect("leaved");
      // Bob comes second of two to nobody: who is alone does not give way to the next.
      const back = await resume(room, bob, { count: 1, peers: [], polite: false });
      await hearsMessage(back, room, note(1), alice.me.id);
      await hearsBye(back, room, alice.me.id, "leave");
      await memberHeardNothing(back, room);
    },

    async resume_too_late() {
      const [alice, bob, room] = await pair(open, { ...RESUMABLE, spellings });
      await upgraded(bob, room);
      const began = Date.now();
      await cut(bob);
      await hearsBye(alice, room, bob.me.id, "lost", grace * 1000 + 5000);
      const kept = Date.now() - began;
      fact("place_kept_ms", kept);
      assert.ok(kept > grace * 1000 - 500, `the place was kept for ${kept} ms only`);
      const back = await open({ label: "bob again" });
      const me = await join(back, room, { resumed: false, polite: true, count: 2 }, { resume: bob.me.resume });
      assert.notEqual(me.id, bob.me.id, "a newcomer has an id of its own");
      await hearsNewcomer(alice, room, me.id, 2, spellings);
    },
  };
}

function notKept(open, { spellings, notice }) {
  return {
    async cut_without_resume() {
      const [alice, bob, room] = await pair(open, { bobs: { link: true }, spellings });
      await upgraded(bob, room);
      const began = Date.now();
      await cut(bob);
      await hearsBye(alice, room, bob.me.id, "lost", notice);
      fact("bye_after_cut_ms", Date.now() - began);
      await memberHeardNothing(alice, room);
    },

    /** As a closed tab does: a close frame, and no packet of socket.io before it. */
    async close_frame_is_no_loss() {
      for (const code of [1001, 1000, undefined]) {
        const [alice, bob, room] = await pair(open, { options: { resume: true }, spellings });
        await upgraded(bob, room);
        const began = Date.now();
        bob.closeFrame(code);
        await hearsBye(alice, room, bob.me.id, "lost", notice).catch((error) => {
          throw new Error(`close frame ${code}: ${error.message}`);
        });
        fact(`bye_after_close_frame_${code ?? "bare"}_ms`, Date.now() - began);
      }
    },

    async resume_by_wrong_secret() {
      const [alice, bob, room] = await pair(open, { ...RESUMABLE, spellings });
      const thief = await open({ label: "thief" });
      for (const secret of ["x", "", bob.me.id, `${bob.me.resume}x`, bob.me.resume.slice(0, -1)]) {
        thief.send("join", room, { resume: secret });
        await thief.expect("full");
      }
      // The secret of a place is of no use in another room, and takes nothing away from the first.
      const elsewhere = await join(thief, newRoom(), { resumed: false, count: 1 }, { resume: bob.me.resume });
      assert.notEqual(elsewhere.id, bob.me.id);
      await memberHeardNothing(alice, room);
      await memberHeardNothing(bob, room);
    },

    async resume_after_leave() {
      const [alice, bob, room] = await pair(open, { ...RESUMABLE, spellings });
      bob.send("leave", room);
      await bob.expect("leaved");
      await hearsBye(alice, room, bob.me.id, "leave");
      const me = await join(bob, room, { resumed: false, count: 2 }, { resume: bob.me.resume });
      await hearsNewcomer(alice, room, me.id, 2, spellings);
    },
  };
}
