// Chromium by playwright-core and Firefox by puppeteer-core (WebDriver BiDi), behind one small face.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

const LAUNCH_MS = 45_000;

const CHROMIUM_FLAGS = [
  "--no-sandbox", // Chromium refuses to run as root without it, and CI is root.
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // ICE leaves the loopback interface out of its list of networks; the servers under test listen nowhere else.
  "--allow-loopback-in-peer-connection",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream",
];

const FIREFOX_PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  // Else a TURN server on 127.0.0.1 is no way out.
  "media.peerconnection.ice.loopback": true,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
};

/** Which engine a program is, by its file's name. */
export const engineOf = (program) => (basename(program).startsWith("firefox") ? "firefox" : "chromium");

/**
 * @param {string} program path of the browser
 * @param {string} ca PEM file of a root to trust, or empty. Chromium finds its store in HOME, which the caller sets.
 * @returns {Promise<{ open(init?: () => void): Promise<Tab>, close(): Promise<void> }>}
 */
export async function launch(program, ca = "") {
  const profile = await mkdtemp(join(tmpdir(), "signaling-browser-"));
  const started = await (engineOf(program) === "firefox" ? firefox : chromium)(program, profile, ca);
  const close = async () => {
    await started.close().catch(() => {});
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }).catch(() => {});
  };
  return { open: started.open, close };
}

async function chromium(executablePath, profile, ca) {
  const { chromium } = await import("playwright-core");
  const env = { ...process.env };
  if (ca) {
    env.HOME = profile; // Its certificate store lies under HOME.
    trust(ca, join(profile, ".pki/nssdb"));
  }
  const context = await chromium.launchPersistentContext(join(profile, "data"), {
    executablePath, env, headless: true, chromiumSandbox: false, args: CHROMIUM_FLAGS, timeout: LAUNCH_MS,
  });
  const open = async (init) => {
    const page = await context.newPage();
    const tab = new Tab(page, (selector, text) => page.fill(selector, text));
    page.on("pageerror", (error) => tab.errors.push(String(error)));
    if (init) await page.addInitScript(init);
    return tab;
  };
  return { open, close: () => context.close() };
}

async function firefox(executablePath, profile, ca) {
  const { default: puppeteer } = await import("puppeteer-core");
  if (ca) trust(ca, profile);
  const browser = await puppeteer.launch({
    browser: "firefox", executablePath, headless: true, userDataDir: profile,
    extraPrefsFirefox: FIREFOX_PREFERENCES, timeout: LAUNCH_MS, protocolTimeout: LAUNCH_MS,
  });
  const open = async (init) => {
    const page = await browser.newPage();
    const tab = new Tab(page, (selector, text) => page.locator(selector).fill(text));
    page.on("pageerror", (error) => tab.errors.push(String(error)));
    if (init) await page.evaluateOnNewDocument(init);
    return tab;
  };
  return { open, close: () => browser.close() };
}

function trust(ca, store) {
  execFileSync("mkdir", ["-p", store]);
  execFileSync("certutil", ["-N", "--empty-password", "-d", `sql:${store}`]);
  execFileSync("certutil", ["-A", "-n", "root", "-t", "C,,", "-i", ca, "-d", `sql:${store}`]);
}

export class Tab {
  /** What the page threw and nobody caught. */
  errors = [];
  /** What it said in alert, confirm and prompt; all are dismissed. */
  dialogs = [];

  constructor(page, fill) {
    this.page = page;
    this.fill = fill;
    page.on("dialog", (dialog) => {
      this.dialogs.push(dialog.message());
      dialog.dismiss().catch(() => {});
    });
  }

  goto(url) {
    return this.page.goto(url);
  }

  click(selector) {
    return this.page.click(selector);
  }

  evaluate(run, argument) {
    return this.page.evaluate(run, argument);
  }

  /** As when the user closes the tab: the page gets its unload events. */
  close() {
    return this.page.close({ runBeforeUnload: false });
  }
}
