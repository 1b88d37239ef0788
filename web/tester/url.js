// @ts-check
/** STUN and TURN URLs (RFC 7064, RFC 7065), read more carefully than browsers do, so as to say what is wrong. */

/**
 * @typedef {object} Address
 * @property {"stun" | "turn" | "turns"} scheme
 * @property {string} host a name, an IPv4 address, or an IPv6 address in brackets
 * @property {number} port
 * @property {"udp" | "tcp"} transport
 */

/** @typedef {"scheme" | "stuns" | "slashes" | "host" | "port" | "transport" | "stun-transport"} UrlProblem */

const DEFAULT_PORT = { stun: 3478, turn: 3478, turns: 5349 };

/**
 * @param {string} url
 * @returns {Address | UrlProblem}
 */
export function parseUrl(url) {
  if (/^stuns:/i.test(url)) return "stuns";
  const parts = /^(stun|turns?):(.*)$/i.exec(url);
  if (!parts) return "scheme";
  const scheme = /** @type {Address["scheme"]} */ (parts[1].toLowerCase());
  if (parts[2].startsWith("//")) return "slashes";
  const [authority, ...query] = parts[2].split("?");
  const isTurn = scheme.startsWith("turn");
  if (query.length && !isTurn) return "stun-transport";
  const transport = /^transport=(udp|tcp)$/i.exec(query.join("?"))?.[1].toLowerCase();
  if (query.length && !transport) return "transport";
  const place = /^(\[[0-9a-f:.]+\]|[^\s:@/?#[\]]+)(?::(.*))?$/i.exec(authority);
  if (!place) return "host";
  const port = place[2] === undefined ? DEFAULT_PORT[scheme] : Number(place[2]);
  if (place[2] !== undefined && !(/^\d{1,5}$/.test(place[2]) && port >= 1 && port <= 65535)) return "port";
  const usual = scheme === "turns" ? "tcp" : "udp";
  return { scheme, host: place[1], port, transport: /** @type {"udp" | "tcp"} */ (transport ?? usual) };
}

/** @param {Address} address */
export function isSecure(address) {
  return address.scheme === "turns";
}

/** @param {Address} address */
export function isStun(address) {
  return address.scheme === "stun";
}

/** @param {string} host @returns {boolean} whether there is nothing to look up */
export function isLiteral(host) {
  return host.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
}

/**
 * The URLs of a text with one a line: no empty ones, none twice.
 *
 * @param {string} text
 */
export function urlsOf(text) {
  return [...new Set(text.split(/\s+/).filter(Boolean))];
}
