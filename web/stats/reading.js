// @ts-check
/** One look at a connection's statistics: what is the same in every browser, out of what each of them tells. */

/**
 * A counter or a measure that a browser does not tell is null.
 *
 * @typedef {object} Pair
 * @property {string} localType host, srflx, prflx or relay
 * @property {string} remoteType
 * @property {string} protocol between the ends: udp or tcp
 * @property {string} relayProtocol over what this end reaches its relay: udp, tcp or tls; empty if not told
 * @property {string} url the relay's URL; empty if not told
 * @property {string} localAddress
 * @property {string} remoteAddress
 *
 * @typedef {object} Reading
 * @property {number} time milliseconds
 * @property {Pair | null} pair
 * @property {number | null} pairChanges
 * @property {string} security what encrypts: DTLS version and suites
 * @property {string[]} codecs
 * @property {number | null} bytesSent
 * @property {number | null} bytesReceived
 * @property {number | null} roundTrip seconds
 * @property {number | null} jitter seconds
 * @property {number | null} packetsReceived
 * @property {number | null} packetsLost of what comes to this end
 * @property {number | null} sendingLoss the other end's report, 0 to 1
 * @property {number | null} framesDecoded
 * @property {number | null} framesSent
 * @property {number | null} width of the picture that comes
 * @property {number | null} height
 * @property {number | null} freezes
 */

/** @typedef {Record<string, any>} Entry */

/**
 * @param {Iterable<[string, Entry]>} report what `getStats` gives
 * @param {number} time milliseconds
 * @returns {Reading}
 */
export function read(report, time) {
  const entries = new Map(report);
  const all = (/** @type {string} */ type) => [...entries.values()].filter((entry) => entry.type === type);
  const transport = all("transport")[0];
  const pair = selectedPair(entries, transport, all("candidate-pair"));
  const inbound = all("inbound-rtp");
  const outbound = all("outbound-rtp");
  const remote = all("remote-inbound-rtp");
  const video = inbound.filter(({ kind }) => kind === "video");
  return {
    time,
    pair: pair ? describe(pair, entries) : null,
    pairChanges: number(transport?.selectedCandidatePairChanges),
    security: [tlsVersion(transport?.tlsVersion), transport?.dtlsCipher, transport?.srtpCipher].filter(Boolean).join(", "),
    codecs: [...new Set(all("codec").map(({ mimeType }) => String(mimeType).split("/").at(-1) ?? ""))].sort(),
    bytesSent: number(transport?.bytesSent) ?? number(pair?.bytesSent) ?? sum(outbound, "bytesSent"),
    bytesReceived: number(transport?.bytesReceived) ?? number(pair?.bytesReceived) ?? sum(inbound, "bytesReceived"),
    roundTrip: number(pair?.currentRoundTripTime) ?? largest(remote, "roundTripTime"),
    jitter: largest(inbound, "jitter"),
    packetsReceived: sum(inbound, "packetsReceived"),
    packetsLost: sum(inbound, "packetsLost"),
    sendingLoss: largest(remote, "fractionLost"),
    framesDecoded: sum(video, "framesDecoded"),
    framesSent: sum(outbound.filter(({ kind }) => kind === "video"), "framesSent"),
    width: largest(video, "frameWidth"),
    height: largest(video, "frameHeight"),
    freezes: sum(video, "freezeCount"),
  };
}

/**
 * Firefox has no entry that names the selected pair; there it is the nominated one that works.
 *
 * @param {Map<string, Entry>} entries
 * @param {Entry | undefined} transport
 * @param {Entry[]} pairs
 */
function selectedPair(entries, transport, pairs) {
  const named = transport?.selectedCandidatePairId && entries.get(transport.selectedCandidatePairId);
  const working = pairs.filter(({ nominated, state }) => nominated && state === "succeeded");
  return named || working.find(({ selected }) => selected) || working[0];
}

/**
 * @param {Entry} pair
 * @param {Map<string, Entry>} entries
 * @returns {Pair}
 */
function describe(pair, entries) {
  const local = entries.get(pair.localCandidateId) ?? {};
  const remote = entries.get(pair.remoteCandidateId) ?? {};
  return {
    localType: word(local.candidateType),
    remoteType: word(remote.candidateType),
    protocol: word(local.protocol),
    relayProtocol: word(local.relayProtocol),
    url: word(local.url),
    localAddress: address(local),
    remoteAddress: address(remote),
  };
}

/** @param {Entry} candidate */
function address({ address: host, ip, port }) {
  const at = host ?? ip;
  return at ? `${at}:${port}` : "";
}

/** @param {unknown} version as in the record layer: FEFD is DTLS 1.2 */
function tlsVersion(version) {
  return { FEFC: "DTLS 1.3", FEFD: "DTLS 1.2", FEFF: "DTLS 1.0" }[String(version ?? "").toUpperCase()] ?? "";
}

/** @param {unknown} value */
function word(value) {
  return typeof value === "string" ? value : "";
}

/** @param {unknown} value @returns {number | null} */
function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** @param {Entry[]} entries @param {string} field */
function numbers(entries, field) {
  return entries.map((entry) => number(entry[field])).filter((value) => value !== null);
}

/** @param {Entry[]} entries @param {string} field */
function sum(entries, field) {
  const values = numbers(entries, field);
  return values.length ? values.reduce((total, value) => total + value, 0) : null;
}

/** @param {Entry[]} entries @param {string} field */
function largest(entries, field) {
  const values = numbers(entries, field);
  return values.length ? Math.max(...values) : null;
}
