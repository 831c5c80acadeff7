// The HTML report in a browser, opened as a file. Skipped where there is no Chromium (CHROMIUM=FILE names one); with
// PAGE_SCREENSHOTS=FOLDER it leaves pictures of what it saw.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";
import t, { type Test } from "tap";
import { htmlReport } from "../lib/profile/index.js";
import { browserPath, shoot, skipBrowser as skip } from "./support/browser.js";
import { smallProfile } from "./support/profiles.js";

/** The report of the small profile. An error in it, or anything that it loads, is a failure. */
async function open(t: Test, options: BrowserContextOptions): Promise<Page> {
  const browser = await chromium.launch({ executablePath: browserPath as string, args: ["--no-sandbox"] });
  t.teardown(() => browser.close());
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const url = pathToFileURL(
    join(t.testdir({ "report.html": htmlReport(smallProfile()) }), "report.html"),
  ).href;
  page.on("pageerror", (error) => t.fail(String(error)));
  page.on("console", (message) => t.fail(message.text()));
  page.on("request", (request) => t.equal(request.url(), url));
  await page.goto(url);
  return page;
}

const detail = (page: Page) => page.locator("#detail").textContent();

t.test("pointer, keys and buttons", { skip }, async (t) => {
  const page = await open(t, { viewport: { width: 1200, height: 900 } });
  await shoot(page, "report-light");
  const box = (await page.locator("#time").boundingBox())!;
  // The decoding step: 12 of 17.5 ms; below the axis, the track's name and its layers.
  const hover = () => page.mouse.move(box.x + (box.width * 12) / 17.5, box.y + 22 + 22 + 16 + 13);
  await hover();
  t.match(await detail(page), /^linear \(decode, layer 0, step 1\)/);
  await page.focus("#time");
  await page.keyboard.press("p");
  t.match(await detail(page), /^linear \(prefill, layer 1, step 0\)/);
  await page.getByRole("button", { name: "Next" }).click();
  t.match(await detail(page), /^linear \(decode/);
  // Everything drags to the right: what was at 5 to 8 ms comes under the pointer.
  for (let i = 0; i < 2; i++) await page.getByRole("button", { name: "Zoom in" }).click();
  await hover();
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 1, box.y + 73, { steps: 4 });
  await page.mouse.up();
  await page.mouse.move(box.x + box.width / 2, box.y + 73);
  t.match(await detail(page), /^linear \(prefill, layer 1/);
});

t.test("dark, and as narrow as a phone", { skip }, async (t) => {
  const page = await open(t, { viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true });
  t.equal(await page.evaluate("document.documentElement.scrollWidth"), 390, "nothing sticks out");
  const [back, text] = (await page.evaluate(
    "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]",
  )) as string[];
  const light = (color: string) => Number(/\d+/.exec(color)![0]);
  t.ok(light(back!) < 60 && light(text!) > 200, `${text} on ${back}`);
  await page.locator("#time").tap({ position: { x: 30, y: 73 } });
  t.match(await detail(page), /^linear \(prefill, layer 0/);
  await shoot(page, "report-phone-dark");
});

t.test("its policy lets nothing else run or load", { skip }, async (t) => {
  const page = await open(t, {});
  page.removeAllListeners("console").removeAllListeners("request");
  const refused: string[] = [];
  page.on("console", (message) => refused.push(message.text()));
  await page.evaluate(`{
    const script = document.createElement("script");
    script.textContent = "window.hasRun = true";
    document.body.append(script);
    new Image().src = "https://example.invalid/pixel.png";
  }`);
  await page.waitForTimeout(100);
  t.equal(await page.evaluate("window.hasRun"), undefined);
  t.match(refused.join("\n"), /inline script.*script-src[\s\S]*pixel\.png.*default-src/);
});
