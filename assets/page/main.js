// The chat page: what its controls do.
import { fetchMetrics, fetchModel, fetchSamples, streamChat } from "./api.js";
import { chatBody, middle, readMetrics, stripText } from "./logic.js";
import { button, drawMessage, picture } from "./messages.js";
import { drawShown, readPicture } from "./pictures.js";

const STRIP_MS = 2000;
const SETTINGS = ["system", "temperature", "maxTokens", "seed"];

const $ = (id) => document.getElementById(id);
const talk = $("talk");

let messages = [];
let chosen = [];
/** Index of the message that is edited. */
let editing;
/** Of the answer that is under way. */
let controller;
let model;

function settings() {
  return Object.fromEntries(SETTINGS.map((name) => [name, $(name).value]));
}

function notice(text = "") {
  $("notice").textContent = text;
  $("notice").hidden = text === "";
}

function draw() {
  $("hint").hidden = messages.length > 0;
  for (const article of talk.querySelectorAll("article")) article.remove();
  let last;
  for (const [index, message] of messages.entries()) {
    const acts = { edit: () => edit(index), retry: () => retry(index), show };
    last = drawMessage(message, acts);
    talk.append(last.article);
  }
  talk.scrollTop = talk.scrollHeight;
  return last?.text;
}

function drawChosen() {
  const items = chosen.map((url, index) => {
    const item = document.createElement("li");
    const remove = button("×", () => {
      chosen.splice(index, 1);
      drawChosen();
      $("choose").focus();
    });
    remove.setAttribute("aria-label", `Remove picture ${index + 1}`);
    item.append(picture(url, `Picture ${index + 1}`), remove);
    return item;
  });
  $("chosen").replaceChildren(...items);
}

async function add(files) {
  for (const file of files) {
    try {
      chosen.push(await readPicture(file));
    } catch {
      notice(`${file.name || "This file"} is no picture that this browser can read.`);
    }
  }
  drawChosen();
}

function edit(index) {
  controller?.abort();
  editing = index;
  const { text, pictures } = messages[index];
  $("text").value = text;
  chosen = [...pictures];
  $("editing").hidden = false;
  drawChosen();
  $("text").focus();
}

function endEdit() {
  editing = undefined;
  $("editing").hidden = true;
  $("text").value = "";
  chosen = [];
  drawChosen();
}

function retry(index) {
  controller?.abort();
  messages = messages.slice(0, index);
  answer();
}

function submit() {
  const text = $("text").value.trim();
  if (controller || (text === "" && chosen.length === 0)) return;
  messages = messages.slice(0, editing ?? messages.length);
  messages.push({ role: "user", text, pictures: chosen });
  endEdit();
  answer();
}

async function answer() {
  const own = new AbortController();
  controller = own;
  const body = chatBody(messages, settings());
  const message = { role: "assistant", text: "" };
  messages.push(message);
  const isShown = () => messages.includes(message);
  const text = draw();
  notice();
  $("send").hidden = true;
  $("stop").hidden = false;
  $("status").textContent = "The model answers";
  try {
    for await (const chunk of streamChat(body, { key: $("key").value, signal: own.signal })) {
      const isAtEnd = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 60;
      message.text += chunk.choices[0]?.delta.content ?? "";
      text.textContent = message.text;
      if (isAtEnd) talk.scrollTop = talk.scrollHeight;
    }
  } catch (error) {
    if (error.name === "AbortError") message.fault = "Stopped.";
    else if (error.name === "TypeError") message.fault = "The server cannot be reached.";
    else message.fault = error.message;
    if (error.status === 401) $("settings").showModal();
  }
  if (isShown()) draw();
  if (controller !== own) return;
  controller = undefined;
  $("send").hidden = false;
  $("stop").hidden = true;
  $("status").textContent = message.fault ?? `The model answered: ${message.text}`;
  $("text").focus();
}

function show(image) {
  const { image_size: size = 448, image_grid: grid, tokens_per_image: tokens } = model ?? {};
  drawShown($("square"), image, { size, grid });
  const told = `${size} × ${size} pixels${tokens ? `, ${tokens} tokens` : ""}`;
  $("shown-text").textContent = grid
    ? `${told}; one for each cell of the ${grid} × ${grid} grid.`
    : `${told}.`;
  $("square").setAttribute("aria-label", $("shown-text").textContent);
  $("query-row").hidden = true;
  $("shown").showModal();
  if (model?.image_samples) showSamples(image, size, told);
}

/** The picture that is being looked at, so that points that come late are not drawn over another. */
let looked;

async function showSamples(image, size, told) {
  looked = image;
  let points;
  try {
    points = await fetchSamples(image.src, $("key").value);
  } catch (error) {
    $("shown-text").textContent =
      `${told}. ${error.status ? error.message : "The server cannot be reached."}`;
    return;
  }
  if (looked !== image) return;
  $("query").max = points.length;
  $("query-row").hidden = false;
  const draw = () => {
    const query = Number($("query").value);
    $("query-number").textContent = `${query} of ${points.length}`;
    drawShown($("square"), image, { size, points: points[query - 1] });
    const [x, y] = middle(points[query - 1]);
    $("shown-text").textContent =
      `${told}. Visual token ${query} looks around ${Math.round(100 * x)} % from the left, ` +
      `${Math.round(100 * y)} % from the top.`;
    $("square").setAttribute("aria-label", $("shown-text").textContent);
  };
  $("query").oninput = draw;
  draw();
}

async function greet() {
  try {
    model = await fetchModel($("key").value);
    $("model").textContent = model.id;
    notice();
  } catch (error) {
    notice(error.status ? error.message : "The server cannot be reached.");
    if (error.status === 401 && !$("settings").open) $("settings").showModal();
  }
}

let before;
let beforeAt = 0;

async function watch() {
  try {
    if (!document.hidden) {
      const now = readMetrics(await fetchMetrics());
      const at = performance.now();
      $("strip").textContent = stripText(now, before, (at - beforeAt) / 1000);
      before = now;
      beforeAt = at;
    }
  } catch {
    $("strip").textContent = "not reached";
  }
  setTimeout(watch, STRIP_MS);
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").setAttribute("aria-pressed", String(theme === "dark"));
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) controller?.abort();
});
document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length === 0) return;
  event.preventDefault();
  add(files);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  add(event.dataTransfer.files);
});
for (const [opener, input] of [
  ["choose", "files"],
  ["take", "camera"],
]) {
  $(opener).addEventListener("click", () => $(input).click());
  $(input).addEventListener("change", async () => {
    await add([...$(input).files]);
    $(input).value = "";
    $("text").focus();
  });
}
$("stop").addEventListener("click", () => controller?.abort());
$("cancel-edit").addEventListener("click", endEdit);
$("clear").addEventListener("click", () => {
  controller?.abort();
  messages = [];
  endEdit();
  draw();
  $("text").focus();
});
$("open-settings").addEventListener("click", () => $("settings").showModal());
$("settings").addEventListener("close", () => {
  sessionStorage.setItem("key", $("key").value);
  greet();
});
$("theme").addEventListener("click", () =>
  setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
);

setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
$("key").value = sessionStorage.getItem("key") ?? "";
greet();
watch();
$("text").focus();
