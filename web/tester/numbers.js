// @ts-check
/** Sums over measurements. */

/**
 * The value that `share` of all values do not exceed (nearest rank).
 *
 * @param {number[]} values
 * @param {number} share above 0, at most 1
 * @returns {number | null} `null` if there are none
 */
export function percentile(values, share) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1];
}

/**
 * @param {number} bytes
 * @param {number} milliseconds
 * @returns {number} million bits a second
 */
export function megabits(bytes, milliseconds) {
  return milliseconds > 0 ? (bytes * 8) / (milliseconds * 1000) : 0;
}
