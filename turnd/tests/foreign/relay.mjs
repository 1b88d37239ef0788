// Two RTCPeerConnections of headless Chromium, joined by a data channel that may only go through a TURN server.
//
//     node relay.mjs CHROMIUM TURN-URL USER PASSWORD
//
// Prints name=value lines: what each end received, and the pair of candidates each end chose. The caller judges.
// node_modules comes from `npm ci` in this directory (./check runs it).

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const TIME_LIMIT_MS = 45_000;
const MESSAGES = 200;

const FLAGS = [
  "--no-sandbox", // Chromium refuses to run as root without it, and CI is root.
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // ICE leaves the loopback interface out of its list of networks; the server under test listens nowhere else.
  "--allow-loopback-in-peer-connection",
];

/** Runs in the page: everything it uses comes in as the argument. */
async function exchange({ iceServer, messages, timeLimit }) {
  const config = { iceServers: [iceServer], iceTransportPolicy: "relay" };
  const [alice, bob] = [new RTCPeerConnection(config), new RTCPeerConnection(config)];
  const iceErrors = [];

  const within = (promise, what) => {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${what}: not within ${timeLimit} ms; ICE errors: ${JSON.stringify(iceErrors)}`)),
        timeLimit,
      );
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  };

  const trickle = (from, to) => {
    from.onicecandidate = ({ candidate }) => candidate && to.addIceCandidate(candidate);
    from.onicecandidateerror = ({ errorCode, errorText, url }) => iceErrors.push({ errorCode, errorText, url });
  };

  const negotiate = async () => {
    await alice.setLocalDescription();
    await bob.setRemoteDescription(alice.localDescription);
    await bob.setLocalDescription();
    await alice.setRemoteDescription(bob.localDescription);
  };

  // Message i has a size of its own, 1 byte to 16 kB, and a content that the other end can compute.
  const size = (i) => 1 + ((i * 7919) % 16384);
  const content = (i) => Uint8Array.from({ length: size(i) }, (_, at) => (i * 31 + at) & 0xff);
  const same = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

  /** Resolves when all messages have come, in order and unchanged; rejects at the first that differs. */
  const receiveAll = (channel) =>
    new Promise((resolve, reject) => {
      const got = { messages: 0, bytes: 0 };
      channel.onmessage = ({ data }) => {
        const bytes = new Uint8Array(data);
        if (!same(bytes, content(got.messages))) reject(new Error(`message ${got.messages} arrived changed`));
        got.messages += 1;
        got.bytes += bytes.length;
        if (got.messages === messages) resolve(got);
      };
      channel.onclose = () => reject(new Error(`channel closed after ${got.messages} messages`));
    });

  const sendAll = (channel) => {
    for (let i = 0; i < messages; i += 1) channel.send(content(i));
  };

  const chosenPair = async (connection) => {
    const stats = await connection.getStats();
    const transport = [...stats.values()].find((entry) => entry.type === "transport");
    const pair = stats.get(transport.selectedCandidatePairId);
    const local = stats.get(pair.localCandidateId);
    const remote = stats.get(pair.remoteCandidateId);
    return { local: `${local.candidateType}/${local.relayProtocol}`, remote: remote.candidateType };
  };

  const opened = (channel) => new Promise((resolve) => (channel.onopen = () => resolve(channel)));

  trickle(alice, bob);
  trickle(bob, alice);
  // Negotiated out of band, so that both ends exist, with their listeners, before the first byte can come.
  const channels = [alice, bob].map((connection) => {
    const channel = connection.createDataChannel("relayed", { negotiated: true, id: 1 });
    channel.binaryType = "arraybuffer";
    return channel;
  });
  const open = Promise.all(channels.map(opened));
  const received = Promise.all(channels.map(receiveAll));
  received.catch(() => {}); // Awaited below; a failure of the negotiation must not be hidden by this one.

  await within(negotiate().then(() => open), "opening the data channel");
  channels.forEach(sendAll);
  const [byAlice, byBob] = await within(received, "receiving every message");

  const result = {
    alice: { ...byAlice, ...(await chosenPair(alice)) },
    bob: { ...byBob, ...(await chosenPair(bob)) },
  };
  alice.close();
  bob.close();
  return result;
}

function print(result) {
  for (const [end, facts] of Object.entries(result)) {
    for (const [name, value] of Object.entries(facts)) console.log(`${end}_${name}=${value}`);
  }
}

async function main([executablePath, urls, username, credential]) {
  const profile = await mkdtemp(join(tmpdir(), "turnd-chromium-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    chromiumSandbox: false,
    args: FLAGS,
    timeout: TIME_LIMIT_MS,
  });
  try {
    const page = await browser.newPage();
    print(await page.evaluate(exchange, {
      iceServer: { urls, username, credential },
      messages: MESSAGES,
      timeLimit: TIME_LIMIT_MS / 3,
    }));
  } finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2));
