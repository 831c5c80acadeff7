import { accessSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** A Chromium, if there is one; CHROMIUM=FILE names another. */
export const browserPath = process.env.CHROMIUM ?? PLACES.find(exists);

/** Why tests in a browser are skipped, or false. */
export const skipBrowser = process.env.CI
  ? "browsers are not part of CI"
  : !browserPath && "there is no Chromium; CHROMIUM=FILE names one";

function exists(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}

/** Leaves a picture of what a test saw, where PAGE_SCREENSHOTS=FOLDER asks for it. */
export async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env.PAGE_SCREENSHOTS;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}
