// Opens pages in a headless Chromium as visitors do, and prints what is wrong as a JSON list of sentences. The one argument
// is a JSON object: browser (program), driver and axe (folders of their packages), pages (addresses), pictures (a folder for
// screenshots, or null).
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";

const { browser: program, driver, axe, pages, pictures } = JSON.parse(process.argv[2]);
const { chromium } = createRequire(join(driver, "node_modules", "x.js"))("playwright-core");
const AXE = readFileSync(join(axe, "node_modules/axe-core/axe.min.js"), "utf8");

const DESK = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 740 };
const wrong = [];

/// A page in a context of its own: what it says on the console and what it asks for is noted.
async function open(browser, url, how, options) {
  const context = await browser.newContext({ viewport: DESK, offline: true, ...options });
  const page = await context.newPage();
  const say = (words) => wrong.push(`${basename(url)}, ${how}: ${words}`);
  page.on("console", (message) => say(`the console says ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => say(`a script fails: ${error.message}`));
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:")) say(`it asks for ${request.url()}`);
  });
  await page.goto(url, { waitUntil: "load" });
  return { page, say, close: () => context.close() };
}

async function picture(page, url, how) {
  if (pictures) await page.screenshot({ path: join(pictures, `${basename(url, ".html")}-${how}.png`), fullPage: true });
}

/// What axe-core, the checker of accessibility, finds; with every rule that it has.
async function accessible(page, say) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run());
  for (const { id, help, nodes } of violations) say(`axe ${id}: ${help}: ${nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
}

async function colors(browser, url, colorScheme) {
  const { page, say, close } = await open(browser, url, colorScheme, { colorScheme });
  await accessible(page, say);
  await picture(page, url, colorScheme);
  await close();
}

async function phone(browser, url) {
  const { page, say, close } = await open(browser, url, "360 px", { viewport: PHONE, hasTouch: true, isMobile: true });
  const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
  if (width > PHONE.width) say(`the page is ${width} px wide`);
  const small = await page.evaluate(() => {
    const height = (text) => text.getScreenCTM().d * parseFloat(getComputedStyle(text).fontSize);
    return [...document.querySelectorAll("svg text")].filter((text) => text.checkVisibility() && height(text) < 9).length;
  });
  if (small) say(`${small} texts of pictures are less than 9 px high`);
  const outside = await page.evaluate(() => {
    const leaves = (text) => {
      const [own, sheet] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()];
      return own.left < sheet.left - 1 || own.right > sheet.right + 1;
    };
    const texts = [...document.querySelectorAll("svg text")].filter((text) => text.checkVisibility());
    return texts.filter(leaves).map((text) => text.textContent);
  });
  if (outside.length) say(`texts leave their picture: ${outside.slice(0, 5).join(" | ")}`);
  await picture(page, url, "360");
  await close();
}

/// Tab goes through everything that can be used, in the order of the page, and shows where it is.
async function keyboard(browser, url) {
  const { page, say, close } = await open(browser, url, "keyboard", {});
  const wanted = await page.evaluate(() => {
    const usable = "a[href], button, input, select, textarea, summary, [tabindex='0']";
    const all = [...document.querySelectorAll(usable)].filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled);
    all.forEach((one, place) => one.setAttribute("data-place", place));
    return all.length;
  });
  const seen = [];
  // Regions that scroll may take a step of their own.
  for (let step = 0; step < wanted * 2 + 5 && seen.length < wanted; step++) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(() => {
      const one = document.activeElement;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
      const visible = (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
      return { place: one.getAttribute("data-place"), visible, html: one.outerHTML.slice(0, 90) };
    });
    if (focus.place === null) continue;
    if (!focus.visible) say(`nothing shows that the focus is on ${focus.html}`);
    seen.push(Number(focus.place));
  }
  const order = seen.every((place, at) => place === at);
  if (seen.length !== wanted || !order) say(`Tab reaches ${seen.length} of ${wanted}, in the order ${seen.slice(0, 20)}`);
  await close();
}

/// All that a page shows with its scripts stands there without them, but for what only scripts can do.
async function withoutScripts(browser, url) {
  const shown = async (how, options) => {
    const { page, say, close } = await open(browser, url, how, options);
    const lines = (await page.locator("body").innerText()).split("\n").map((line) => line.trim());
    const tools = await page.locator("[role=search], .search").allInnerTexts();
    const pictures = await page.locator("svg").count();
    await close();
    return { say, lines: lines.filter((line) => line && !tools.join("\n").includes(line)), pictures };
  };
  const first = await shown("scripts", {});
  const { say, lines, pictures } = await shown("no scripts", { javaScriptEnabled: false });
  const missing = first.lines.filter((line) => !lines.includes(line));
  if (missing.length) say(`missing: ${missing.slice(0, 5).join(" | ")}`);
  if (pictures !== first.pictures) say(`${pictures} pictures instead of ${first.pictures}`);
}

async function paper(browser, url) {
  const { page, say, close } = await open(browser, url, "paper", { colorScheme: "dark" });
  const bytes = await page.pdf({ format: "A4", printBackground: true });
  if (bytes.subarray(0, 5).toString() !== "%PDF-" || bytes.length < 2000) say("printing gives no PDF");
  if (pictures) writeFileSync(join(pictures, `${basename(url, ".html")}-paper.pdf`), bytes);
  await page.emulateMedia({ media: "print" });
  const ink = await page.evaluate(() => getComputedStyle(document.body).color.match(/\d+/g).map(Number));
  if (Math.max(...ink.slice(0, 3)) > 110) say(`on paper the text is ${ink}, although the screen is dark`);
  await close();
}

const browser = await chromium.launch({
  executablePath: program,
  // A sandbox of its own needs privileges that machines of tests do not give.
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"],
});
for (const url of pages) {
  await colors(browser, url, "light");
  await colors(browser, url, "dark");
  await phone(browser, url);
  await keyboard(browser, url);
  await withoutScripts(browser, url);
  await paper(browser, url);
}
await browser.close();
console.log(JSON.stringify(wrong));
