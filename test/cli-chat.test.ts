// `honeybee chat`: lines as they are typed and dropped, and a conversation through pipes.
import { spawn } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import t from "tap";
import { completeChatLine, readChatLine, readPath } from "../lib/cli/chat-line.js";
import { image, loadModel } from "../lib/index.js";
import { goldenPath, repositoryRoot } from "./support/paths.js";

const checkpoint = goldenPath("models", "cabs-new");

/** Runs a chat with these lines as its input. */
function chat(
  lines: readonly string[],
  ...args: string[]
): Promise<{ stdout: string; stderr: string; code: number }> {
  const main = join(repositoryRoot, "dist", "lib", "cli", "main.js");
  const child = spawn(process.execPath, [main, "chat", ...args]);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (bytes) => {
    stdout += bytes;
  });
  child.stderr.on("data", (bytes) => {
    stderr += bytes;
  });
  child.stdin.end(`${lines.join("\n")}\n`);
  return new Promise((done) => child.on("close", (code) => done({ stdout, stderr, code: code! })));
}

t.test("lines", (t) => {
  const files = new Set(["/art/cat.png", "/art/my cat.jpg", "cat.png", "dog", "/tmp/it's.webp"]);
  const read = (line: string) => readChatLine(line, (path) => files.has(path));
  const said = (text: string, ...shown: string[]) => ({ files: shown, text });
  t.same(read("What is this?"), said("What is this?"));
  t.same(read("/reset"), { command: "reset", argument: "" });
  t.same(read(" /image a b.png "), { command: "image", argument: "a b.png" });
  t.same(read("/art/cat.png"), said("", "/art/cat.png"), "a dropped file is no command");
  t.same(read("/art/cat.png What is this?"), said("What is this?", "/art/cat.png"));
  t.same(read("'/art/my cat.jpg' \"cat.png\" Both?"), said("Both?", "/art/my cat.jpg", "cat.png"));
  t.same(read("/art/my\\ cat.jpg "), said("", "/art/my cat.jpg"));
  t.same(read("/art/my cat.jpg"), said("", "/art/my cat.jpg"), "nothing quoted");
  t.same(read("/tmp/it\\'s.webp ok"), said("ok", "/tmp/it's.webp"));
  t.same(read("file:///art/my%20cat.jpg ok"), said("ok", "/art/my cat.jpg"));
  t.same(read("dog or cat?"), said("dog or cat?"), "a word that happens to be a file's name");
  t.same(read("/art/none.png ?"), { command: "art/none.png", argument: "?" }, "to be refused by name");
  t.same(read("What's it? cat.png"), said("What's it? cat.png"), "only at the beginning");
  t.same(read(""), said(""));
  t.equal(readPath("a b.png"), "a b.png");
  t.equal(readPath("'a b.png'"), "a b.png");
  t.equal(readPath("~/cat.png"), join(homedir(), "cat.png"));
  t.equal(readPath(pathToFileURL("/tmp/a b.png").href), "/tmp/a b.png");
  t.end();
});

t.test("completion", (t) => {
  const folder = t.testdir({ "cat.png": "", ".hidden": "", cats: {} });
  const complete = (line: string) => completeChatLine(line, ["/image", "/reset"]);
  t.same(complete("/i"), [["/image"], "/i"]);
  t.same(complete("What"), [[], "What"]);
  const [names, start] = complete(`/image ${folder}/ca`);
  t.same([names.sort(), start], [["cat.png", "cats/"], "ca"]);
  t.same(complete(`/image ${folder}/`)[0].sort(), ["cat.png", "cats/"]);
  t.same(complete(`/image ${folder}/no/x`), [[], `/image ${folder}/no/x`]);
  t.end();
});

t.test("pictures by command, by their path and from the world; answers are the model's", async (t) => {
  const folder = t.testdir();
  const cat = join(folder, "my cat.png");
  copyFileSync(goldenPath("images", "a.png"), cat);
  const saved = join(folder, "chat.json");
  const { code, stdout, stderr } = await chat(
    [
      "/scene 5",
      "What is it?",
      "/reset",
      `/image ${cat}`,
      "What?",
      `/save ${saved}`,
      "/reset",
      `'${cat}' What?`,
      "/no/thing",
      `/image ${folder}/no.png`,
      "/scene x",
    ],
    checkpoint,
    "--weights",
    "f32",
    "--max-tokens",
    "6",
  );
  t.equal(code, 0);
  const [, scene] = /^> (.*scene-5\.png), 224×224$/m.exec(stderr)!;
  t.match(stderr, `${cat}, `);
  t.match(stderr, /\/no\/thing is neither a file nor a command/);
  t.match(stderr, /no\.png: there is no such file/);
  t.match(stderr, /expected a number/);
  t.notMatch(stderr, "\x1b_G");
  const model = await loadModel(checkpoint, { weights: "f32" });
  t.teardown(() => model.dispose());
  const ask = async (text: string, file: string) => {
    const messages = [{ role: "user" as const, content: [image(file), text] }];
    return (await model.chat({ messages, maxTokens: 6 }).result).text;
  };
  const what = await ask("What?", cat);
  t.equal(stdout, [await ask("What is it?", scene!), what, what].map((answer) => `${answer}\n`).join(""));
  t.same(JSON.parse(readFileSync(saved, "utf8")), [
    { role: "user", content: [{ source: cat }, "What?"] },
    { role: "assistant", content: what },
  ]);
});

t.test("what cannot be answered leaves the conversation as it was", async (t) => {
  const { stdout, stderr } = await chat(
    [`What is this? ${"word ".repeat(400)}`, "Hm?"],
    checkpoint,
    "--weights",
    "f32",
    "--max-tokens",
    "3",
    "--context",
    "256",
  );
  t.match(stderr, /tokens.*\/reset forgets the conversation/);
  const model = await loadModel(checkpoint, { weights: "f32" });
  t.teardown(() => model.dispose());
  const messages = [{ role: "user" as const, content: "Hm?" }];
  t.equal(stdout, `${(await model.chat({ messages, maxTokens: 3 }).result).text}\n`);
});
