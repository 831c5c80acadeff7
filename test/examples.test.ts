// The examples with Express, Fastify and Hono, each as a user starts it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import t from "tap";
import { loadGolden, SHORT_PROMPT } from "./support/golden-model.js";
import { eventsOf } from "./support/http-server.js";
import { goldenPath, repositoryRoot } from "./support/paths.js";

const model = await loadGolden("cabs-new", { weights: "auto" });
const request = { prompt: SHORT_PROMPT, max_tokens: 8, ignore_eos: true };
const { text } = await model.generate({ prompt: SHORT_PROMPT, maxTokens: 8, ignoreEos: true }).result;
await model.dispose();

for (const name of ["express", "fastify", "hono"]) {
  t.test(name, async (t) => {
    const file = join(repositoryRoot, "examples", `${name}.mjs`);
    const child = spawn(process.execPath, [file, goldenPath("models", "cabs-new")], {
      env: { ...process.env, PORT: "0" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.teardown(() => child.kill("SIGKILL"));
    const exited = once(child, "exit");
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const url = line.toString().trim();
    const post = (path: string, body: object) =>
      fetch(`${url}${path}`, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      });
    const whole = await (await post("/v1/completions", request)).json();
    t.match(whole, { choices: [{ text }] });
    const events = eventsOf(await (await post("/v1/completions", { ...request, stream: true })).text());
    t.equal(
      events
        .slice(0, -1)
        .map(({ choices: [choice] }) => choice.text)
        .join(""),
      text,
    );
    const refused = await post("/v1/completions", { prompt: 5 });
    t.match([refused.status, await refused.json()], [400, { error: { code: "ERR_OPTION" } }]);
    t.equal((await fetch(`${url}/health`)).status, 200);
    t.equal((await fetch(`${url}/nothing`)).status, 404);
    t.equal(await (await fetch(url.replace("/ai", "/"))).text(), "my own page");

    const streaming = await post("/v1/completions", { ...request, max_tokens: 200, stream: true });
    child.kill("SIGTERM");
    const last = eventsOf(await streaming.text());
    t.equal(last.at(-1), "[DONE]", "what runs is finished");
    t.same(await exited, [0, null]);
  });
}
