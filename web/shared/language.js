// @ts-check
/** Which language the page speaks, and its texts in it. */

import { STRINGS } from "./strings.js";

/** @typedef {"en" | "zh"} Language */

const KEY = "language";

/** @type {Language} */
let current = preferred();

/** @returns {Language} what was chosen here before, else what the browser asks for */
function preferred() {
  const chosen = stored();
  if (chosen === "en" || chosen === "zh") return chosen;
  return (globalThis.navigator?.language ?? "en").toLowerCase().startsWith("zh") ? "zh" : "en";
}

function stored() {
  try {
    return globalThis.localStorage?.getItem(KEY);
  } catch {
    return null; // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

/** @returns {Language} */
export function language() {
  return current;
}

/**
 * The text `key` in the page's language.
 *
 * @param {string} key a row of the table; one that is not there is an error of ours
 * @param {Record<string, string | number>} [values] for the `{name}`s in the text
 */
export function text(key, values = {}) {
  const row = STRINGS[key];
  if (!row) throw new Error(`no text named ${key}`);
  return row[current].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/**
 * Fills in every element below `root` that names its text: `data-text` for the content, `data-label` for
 * `aria-label`, `data-placeholder`, `data-title`.
 *
 * @param {ParentNode} root
 */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = text(key(element, "data-text"));
  for (const [from, to] of [["data-label", "aria-label"], ["data-placeholder", "placeholder"], ["data-title", "title"]]) {
    for (const element of root.querySelectorAll(`[${from}]`)) element.setAttribute(to, text(key(element, from)));
  }
}

/** @param {Element} element @param {string} attribute */
function key(element, attribute) {
  return element.getAttribute(attribute) ?? "";
}

/**
 * Makes `button` switch the language. Everything that is not marked for `translate` is told by the event
 * `languagechange` on `document`.
 *
 * @param {HTMLElement} button
 */
export function languageButton(button) {
  button.addEventListener("click", () => {
    current = current === "en" ? "zh" : "en";
    try {
      localStorage.setItem(KEY, current);
    } catch {
      // See `stored`.
    }
    speak();
    document.dispatchEvent(new Event("languagechange"));
  });
  speak();
}

function speak() {
  document.documentElement.lang = current === "zh" ? "zh-Hans" : "en";
  translate(document);
}
