// The chat page: how its files are served, and what it works out without a browser.
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import t from "tap";
import { packageRoot } from "../lib/native.js";
import { createServer, handler } from "../lib/server/index.js";
import { pageRoutes } from "../lib/server/page.js";
import { loadGolden } from "./support/golden-model.js";
import { serve } from "./support/http-server.js";

/** It has no types. */
const express = createRequire(import.meta.url)("express");
const folder = join(packageRoot, "assets", "page");
const files = readdirSync(folder);

t.test("each file of the folder is a route", (t) => {
  const other = t.testdir({ "index.html": "<p>Hi", "chat.js": "1;", "notes.txt": "", src: { "a.js": "2" } });
  t.same(
    pageRoutes(other)
      .map(({ path }) => path)
      .toSorted(),
    ["/", "/page/chat.js"],
  );
  t.same(pageRoutes(join(other, "none")), []);
  t.end();
});

t.test("the page is served without a key, and knows what it has", async (t) => {
  const model = await loadGolden("cabs-new");
  const api = await serve(model, { apiKeys: ["k"] });
  for (const name of files) {
    const path = name === "index.html" ? "/" : `/page/${name}`;
    for (const encoding of ["identity", "gzip", "gzip;q=0"]) {
      const init = { headers: { "accept-encoding": encoding } };
      const response = await fetch(api.url + path, init);
      t.equal(response.status, 200, `${path} as ${encoding}`);
      t.equal(response.headers.get("content-encoding"), encoding === "gzip" ? "gzip" : null);
      t.equal(await response.text(), readFileSync(join(folder, name), "utf8"));
      const policy = response.headers.get("content-security-policy") ?? "";
      t.match(policy, /^default-src 'self';/);
      t.notMatch(policy, /unsafe|\*|http/);
      const tag = response.headers.get("etag") ?? "none";
      const again = await api.get(path, { headers: { "if-none-match": `"other", ${tag}` } });
      t.same([again.status, again.body], [304, ""]);
      t.equal((await api.get(path, { headers: { "if-none-match": 'W/"other"' } })).status, 200);
    }
  }
  const headers = { authorization: "Bearer k" };
  const { body } = await api.get("/v1/models", { headers });
  const { image_size: size, image_grid: grid } = body.data[0];
  const { vision, projector } = model.info.config;
  t.equal(size, vision!.imageSize);
  t.equal(grid ** 2, projector!.visualTokens);
  await api.close();
  await model.dispose();
});

t.test("without the page `/` is nobody's, and the API is there", async (t) => {
  const model = await loadGolden("cabs-new");
  const api = await serve(model, { page: false });
  for (const path of ["/", "/page/main.js"]) t.match(await api.get(path), { status: 404 }, path);
  t.equal((await api.get("/v1/models")).status, 200);
  await api.close();
  t.throws(() => createServer(model, { page: 1 as unknown as boolean }), {
    code: "ERR_OPTION",
    message: /page must be true or false/,
  });
  await model.dispose();
});

t.test("below a path of another server the page is behind a slash", async (t) => {
  const model = await loadGolden("cabs-new");
  const answer = handler(model);
  const app = express().use("/ai", answer).use("/a%3Ab", answer);
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const location = async (path: string) => {
    const response = await fetch(url + path, { redirect: "manual" });
    t.equal(response.status, 308, path);
    return new URL(response.headers.get("location")!, url + path).href;
  };
  t.equal(await location("/ai"), `${url}/ai/`);
  t.equal(await location("/ai?theme=dark"), `${url}/ai/?theme=dark`);
  t.equal(await location("/a%3Ab"), `${url}/a%3Ab/`);
  const page = await fetch(`${url}/ai`);
  t.equal(page.url, `${url}/ai/`);
  t.equal(await page.text(), readFileSync(join(folder, "index.html"), "utf8"));
  t.equal((await fetch(new URL("page/main.js", page.url))).status, 200);
  t.equal((await fetch(`${url}/ai/v1/models`)).status, 200);
  server.close();
  await answer.drain();
  await model.dispose();
});

t.test("the files name no other host, and only files that are there", (t) => {
  let bytes = 0;
  for (const name of files) {
    const text = readFileSync(join(folder, name), "utf8");
    bytes += text.length;
    t.notMatch(text, /https?:|wss?:|["'(]\/\//i, name);
    for (const [, file] of text.matchAll(/(?:"page\/|from "\.\/)([\w.]+)"/g))
      t.ok(files.includes(file!), `${file} is there`);
  }
  t.ok(bytes < 150_000, "first load");
  const html = readFileSync(join(folder, "index.html"), "utf8");
  t.notMatch(html, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/, "the policy allows nothing inline");
  const ids = [...html.matchAll(/\sid="([\w-]+)"/g)].map((match) => match[1]);
  for (const [, id] of readFileSync(join(folder, "main.js"), "utf8").matchAll(/\$\("([\w-]+)"\)/g))
    t.ok(ids.includes(id), `#${id} is there`);
  t.end();
});

t.test("events, bodies, refusals and metrics", async (t) => {
  const logic = await import(pathToFileURL(join(folder, "logic.js")).href);
  const stream = 'data: {"a":1}\n\n: note\n\nevent: error\r\ndata: b\r\ndata:c\r\n\r\ndata: [DONE]\n\n';
  const expected = ['{"a":1}', "b\nc", "[DONE]"];
  for (let cut = 0; cut <= stream.length; cut++) {
    const reader = new logic.EventReader();
    t.same(
      [...reader.read(stream.slice(0, cut)), ...reader.read(stream.slice(cut))],
      expected,
      `cut at ${cut}`,
    );
  }

  const messages = [
    { role: "user", text: "What?", pictures: ["data:image/png;base64,AA", "data:image/png;base64,BB"] },
    { role: "assistant", text: "A bee." },
    { role: "user", text: "Sure?", pictures: [] },
  ];
  const body = logic.chatBody(messages, { system: "Be kind.", temperature: "0", maxTokens: "", seed: "7" });
  t.same(JSON.parse(JSON.stringify(body)), {
    messages: [
      { role: "system", content: "Be kind." },
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "data:image/png;base64,AA" } },
          { type: "image_url", image_url: { url: "data:image/png;base64,BB" } },
          { type: "text", text: "What?" },
        ],
      },
      { role: "assistant", content: "A bee." },
      { role: "user", content: "Sure?" },
    ],
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0,
    seed: 7,
  });

  const [x, y] = logic.middle([
    [0, 1, 0.25],
    [1, 0.5, 0.75],
  ]);
  t.same([x, y], [0.75, 0.625]);

  t.match(logic.refusal(429, { error: { message: "full" } }, "3"), /busy.*in 3 s.*full/);
  t.match(logic.refusal(401, undefined), /API key/);
  const metrics = (tokens: number) =>
    logic.readMetrics(
      `# HELP x y\nhoneybee_requests_waiting 4\nhoneybee_requests_running 2\nhoneybee_generated_tokens_total ${tokens}\n` +
        'honeybee_device_memory_bytes{use="weights"} 2000000000\nhoneybee_device_memory_bytes{use="kv_cache"} 5e8\n',
    );
  t.equal(logic.stripText(metrics(50), metrics(10), 2), "2 running · 4 waiting · 20.0 tokens/s · 2.5 GB");
  t.equal(logic.stripText(metrics(50), undefined, 0), "2 running · 4 waiting · 2.5 GB");
});
