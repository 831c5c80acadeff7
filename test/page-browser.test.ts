// The chat page in a browser: a conversation with pictures, stop, edit and retry, themes, what the model was shown. Skipped
// where there is no Chromium (CHROMIUM=FILE names one); with PAGE_SCREENSHOTS=FOLDER it leaves pictures of what it saw.
import { readFileSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import t, { type Test } from "tap";
import { browserPath, shoot, skipBrowser as skip } from "./support/browser.js";
import { goldenCase, loadGolden } from "./support/golden-model.js";
import { serve } from "./support/http-server.js";

/** A browser at the page of a golden checkpoint's server. What fails in the page, or is asked of another host, is a failure. */
async function open(t: Test, name: string, options: object = {}) {
  const model = await loadGolden(name);
  const api = await serve(model, options);
  const browser: Browser = await chromium.launch({
    executablePath: browserPath as string,
    args: ["--no-sandbox"],
  });
  const page = await browser.newPage({ colorScheme: "light", viewport: { width: 1100, height: 800 } });
  page.on("pageerror", (error) => t.fail(String(error)));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol)) t.equal(url.origin, api.url, request.url());
  });
  await page.goto(api.url);
  t.teardown(async () => {
    await browser.close();
    await api.close();
    await model.dispose();
  });
  return { page, model };
}

/** Asks and waits for the answer to be complete. */
async function say(page: Page, text: string): Promise<void> {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
  await page.locator("#stop").waitFor({ state: "hidden" });
}

const answers = (page: Page) => page.locator("#talk article").count();

t.test("a conversation about a picture", { skip }, async (t) => {
  const { page, model } = await open(t, "cabs-new");
  await page.locator("#model", { hasText: "cabs-new" }).waitFor();
  await page.click("#open-settings");
  await page.fill("#maxTokens", "8");
  await page.keyboard.press("Enter");
  await page.setInputFiles("#files", goldenCase("cabs-new").images!);
  await page.locator("#chosen li").first().waitFor();
  await say(page, "What is this?");
  t.equal(await answers(page), 2);
  t.ok(model.stats().imagesEncoded > 0, "the picture reached the model");
  await shoot(page, "light");

  await page.locator("#talk article img").first().click();
  await page.locator("#shown[open]").waitFor();
  t.match(await page.locator("#shown-text").textContent(), /56 × 56 pixels.*grid/);
  await shoot(page, "shown-grid");
  await page.keyboard.press("Escape");

  await page.click("#theme");
  t.equal(await page.evaluate("document.documentElement.dataset.theme"), "dark");
  await shoot(page, "dark");
  await page.setViewportSize({ width: 390, height: 780 });
  const widths = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
  t.ok(await page.evaluate(widths), "a phone scrolls down only");
  await shoot(page, "phone");

  await say(page, "And now?");
  t.equal(await answers(page), 4);
  await page.getByRole("button", { name: /retry/i }).last().click();
  await page.locator("#stop").waitFor({ state: "hidden" });
  t.equal(await answers(page), 4, "asked again, not in addition");
  await page.getByRole("button", { name: /edit/i }).first().click();
  await say(page, "Another question");
  t.equal(await answers(page), 2, "what followed is replaced");
  await page.click("#clear");
  t.equal(await answers(page), 0);
});

t.test("pictures are dropped, pasted and taken", { skip }, async (t) => {
  const { page, model } = await open(t, "cabs-new");
  await page.locator("#model", { hasText: "cabs-new" }).waitFor();
  const chosen = page.locator("#chosen li");
  const [file] = goldenCase("cabs-new").images! as [string];
  const bytes = readFileSync(file).toString("base64");
  // As a browser hands on a file from outside.
  const events = [
    'new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data })',
    'new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data })',
  ];
  for (const [i, event] of events.entries()) {
    await page.evaluate(`(() => {
      const data = new DataTransfer();
      const bytes = Uint8Array.from(atob("${bytes}"), (c) => c.charCodeAt(0));
      data.items.add(new File([bytes], "picture.png", { type: "image/png" }));
      document.body.dispatchEvent(${event});
    })()`);
    await chosen.nth(i).waitFor();
  }
  // A phone opens its camera for this input.
  t.equal(await page.getAttribute("#camera", "capture"), "environment");
  await page.setInputFiles("#camera", file);
  await chosen.nth(2).waitFor();
  await say(page, "What are these?");
  t.equal(await page.locator("#talk article img").count(), 3);
  t.equal(await answers(page), 2);
  const { imagesEncoded, imageHits } = model.stats();
  t.equal(imagesEncoded + imageHits, 3, "all of them reached the model");
});

t.test("keyboard and screen reader", { skip }, async (t) => {
  const { page } = await open(t, "cabs-new");
  await page.locator("#model", { hasText: "cabs-new" }).waitFor();
  await say(page, "Hello");
  const read = await page.locator("body").ariaSnapshot();
  for (const named of ['button "Send"', 'textbox "Message"', 'button "Add picture"', 'button "Settings"'])
    t.match(read, named);
  // Nothing that can be operated is without a name.
  t.notMatch(read, /^\s*- (button|textbox|link|slider|combobox|checkbox)(:|$)/m);
  // An answer is read out once it is complete.
  t.equal(await page.locator("#status").getAttribute("aria-live"), "polite");
  const answer = await page.locator("#talk article").last().locator("p, div").first().textContent();
  t.match(await page.locator("#status").textContent(), answer!.trim());
  await page.locator("#text").focus();
  const focused = new Set<string>();
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press("Tab");
    focused.add(String(await page.evaluate("document.activeElement.textContent.trim()")));
  }
  for (const name of ["Send", "Add picture", "Settings", "Copy", "Retry"])
    t.ok(focused.has(name), `${name} is reached by Tab`);
});

t.test("stop ends an answer, a key is asked for", { skip }, async (t) => {
  const { page } = await open(t, "cabs-new", { apiKeys: ["secret"] });
  await page.locator("#settings[open]").waitFor();
  await page.fill("#key", "secret");
  await page.fill("#maxTokens", "400");
  await page.keyboard.press("Enter");
  await page.locator("#model", { hasText: "cabs-new" }).waitFor();
  await page.fill("#text", "On and on");
  await page.press("#text", "Enter");
  await page.keyboard.press("Escape");
  await page.locator("#stop").waitFor({ state: "hidden" });
  t.equal(await answers(page), 2);
});

t.test("where each visual token of a D-Abstractor looks", { skip }, async (t) => {
  const { page } = await open(t, "dabs-query");
  await page.locator("#model", { hasText: "dabs-query" }).waitFor();
  await page.setInputFiles("#files", goldenCase("dabs-query").images!);
  await page.locator("#chosen li").first().waitFor();
  await page.fill("#text", "Hi");
  await page.press("#text", "Enter");
  await page.locator("#stop").waitFor({ state: "hidden" });
  await page.locator("#talk article img").first().click();
  await page.locator("#query-row").waitFor();
  t.match(await page.locator("#shown-text").textContent(), /Visual token 1 looks around/);
  await page.locator("#query").press("ArrowRight");
  t.equal(await page.locator("#query-number").textContent(), "2 of 9");
  t.match(await page.locator("#shown-text").textContent(), /Visual token 2 looks around/);
  await shoot(page, "shown-points");
});
