// @ts-check
/** Ways out of the page: the clipboard, and files. */

import { element } from "../shared/dom.js";

/** @param {string} words @returns {Promise<boolean>} whether they are in the clipboard now */
export async function copy(words) {
  try {
    await navigator.clipboard.writeText(words);
    return true;
  } catch {
    return false; // Not allowed, or the page came over plain HTTP.
  }
}

/** @param {string} name @param {string} type @param {string} words */
export function download(name, type, words) {
  const address = URL.createObjectURL(new Blob([words], { type }));
  element("a", { href: address, download: name }).click();
  // After the browser has begun to read it.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
