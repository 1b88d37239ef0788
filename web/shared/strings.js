// @ts-check
/**
 * Everything the pages say, in every language they speak: one row a text. `{name}` is filled in by the caller.
 * A test holds that no cell is empty, that the rows' placeholders agree, and that every row is used.
 *
 * @type {Record<string, {en: string, zh: string}>}
 */
export const STRINGS = {
  // ---- Every page ----
  "nav.call": { en: "Call", zh: "通话" },
  "nav.test": { en: "TURN test", zh: "TURN 测试" },
  "nav.stats": { en: "Statistics", zh: "统计" },
  "nav.language": { en: "中文", zh: "English" },
  "nav.label": { en: "Pages", zh: "页面" },

  // ---- Call ----

  // ---- TURN tester ----

  // ---- Statistics ----
};
