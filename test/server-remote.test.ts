// Images of other hosts: which are fetched, from where, and all that is not. Everything here stays on loopback.
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type RequestListener, type ServerResponse } from "node:http";
import { Agent, createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import t from "tap";
import { image } from "../lib/index.js";
import { isPublicAddress } from "../lib/server/addresses.js";
import { checkRemoteUrl, type Transport } from "../lib/server/remote.js";
import { Service } from "../lib/server/service.js";
import { goldenCase, loadGolden } from "./support/golden-model.js";
import { listening, until } from "./support/http-server.js";
import { repositoryRoot } from "./support/paths.js";

const HOST = "images.example.com";
const PUBLIC = "93.184.216.34";
const picture = goldenCase("cabs-new").images![0]!;
const bytes = readFileSync(picture);
const pem = (name: string) => readFileSync(join(repositoryRoot, "test", "support", "tls", name));

t.test("addresses", async (t) => {
  const open = [
    "93.184.216.34",
    "8.8.8.8",
    "1.1.1.1",
    "172.15.0.1",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
  ];
  const closed = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.9.9.9",
    "169.254.169.254",
    "172.16.0.1",
  ];
  closed.push(
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
  );
  closed.push(
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
  );
  closed.push("2001:0:1::", "2001:db8::1", "nonsense", "");
  for (const address of open) t.ok(isPublicAddress(address), address);
  for (const address of closed) t.notOk(isPublicAddress(address), address);
});

t.test("URLs", async (t) => {
  t.equal(checkRemoteUrl(`https://${HOST}/a.png?b=c#d`, [HOST]).hostname, HOST);
  t.equal(checkRemoteUrl("https://IMAGES.example.COM./a".replace("./", "/"), [HOST]).hostname, HOST);
  const urls = [
    `http://${HOST}/a.png`,
    `https://${HOST}:8443/a.png`,
    `https://user@${HOST}/a.png`,
    `https://:secret@${HOST}/a.png`,
    `https://${HOST}.evil.example/a.png`,
    `https://evil.example/${HOST}`,
    `https://sub.${HOST}/a.png`,
    `https://${HOST}./a.png`,
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://[::1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://localhost/",
    "https://evil.example\\@images.example.com/",
    "file:///etc/passwd",
    "gopher://x",
    "//images.example.com/a.png",
    "a.png",
    "",
  ];
  for (const url of urls) t.throws(() => checkRemoteUrl(url, [HOST]), { code: "invalid_image_url" }, url);
});

t.test("fetching", async (t) => {
  const model = await loadGolden("cabs-new");
  let answer: RequestListener = () => {};
  let asked = 0;
  const remote = createTlsServer({ key: pem("key.pem"), cert: pem("cert.pem") }, (request, response) => {
    asked++;
    answer(request, response);
  });
  await new Promise<void>((resolve) => remote.listen(0, "127.0.0.1", resolve));
  const { port } = remote.address() as AddressInfo;
  /** Where connections were to be made; they end at the server above all the same. */
  const hosts: unknown[] = [];
  let ca: Buffer | undefined = pem("cert.pem");
  const agent = new Agent({ keepAlive: false });
  agent.createConnection = (options) => {
    const { host, servername } = options as { host?: string; servername?: string };
    hosts.push(host);
    return connect({ host: "127.0.0.1", port, servername: servername!, ...(ca && { ca }) });
  };
  let addresses: string[][] = [];
  let resolved = 0;
  const transport: Transport = {
    resolve: async () => {
      resolved++;
      return addresses.shift() ?? [PUBLIC];
    },
    agent,
    timeout: 10_000,
  };
  const options = { allowRemoteImages: [HOST], maxImageBytes: bytes.length, maxBodyBytes: 2 ** 14 };
  const service = new Service(model, options, transport);
  const api = await listening(
    createHttpServer((request, response) => void service.handle(request, response)),
  );
  const ask = (...urls: string[]) =>
    api.post("/v1/chat/completions", {
      messages: [{ role: "user", content: urls.map((url) => ({ type: "image_url", image_url: { url } })) }],
      max_tokens: 6,
    });
  const url = `https://${HOST}/a.png`;
  const failure = async (...urls: string[]) => {
    const { status, body } = await ask(...urls);
    return { status, ...body.error };
  };

  answer = (request, response) => {
    t.match(request.headers, { host: HOST, accept: "image/*" });
    response.end(bytes);
  };
  const expected = await model.chat({ messages: [{ role: "user", content: [image(picture)] }], maxTokens: 6 })
    .result;
  t.equal((await ask(url)).body.choices[0].message.content, expected.text);
  t.same(
    [hosts.splice(0), resolved, asked],
    [[PUBLIC], 1, 1],
    "resolved once, and connected to that very address",
  );
  const twice = await ask(url, url);
  t.equal(twice.body.usage.prompt_tokens_details.image_tokens, 2 * model.info.tokensPerImage);
  t.equal(asked, 2, "an image named twice is fetched once");
  t.equal(
    (
      await api.post("/tokenize", {
        messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
      })
    ).status,
    200,
  );
  t.equal(asked, 2, "counting tokens fetches nothing");

  for (const list of [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::1"], ["169.254.169.254"], []]) {
    addresses = [list];
    t.match(await failure(url), { status: 400, code: "invalid_image_url", message: /no public address/ });
  }
  addresses = [[PUBLIC], ["127.0.0.1"]];
  t.equal((await ask(url)).status, 200, "a name that changes its meaning is asked once");
  addresses = [];
  t.equal(asked, 3);
  t.match(await failure("https://evil.example/a.png"), {
    code: "invalid_image_url",
    message: /evil\.example/,
  });
  const many = Array.from({ length: 17 }, (_, i) => `${url}?${i}`);
  t.match(await failure(...many), { code: "invalid_image_url", message: /at most 16/ });

  answer = (_request, response) => response.writeHead(302, { location: "https://127.0.0.1/" }).end();
  t.match(await failure(url), {
    status: 400,
    code: "image_not_fetched",
    message: /redirects are not followed/,
  });
  answer = (_request, response) => response.writeHead(404).end();
  t.match(await failure(url), { code: "image_not_fetched", message: /status 404/ });
  answer = (_request, response) => response.end("not an image");
  t.match(await failure(url), { code: "ERR_IMAGE", message: /is text/ });
  answer = (_request, response) =>
    response.writeHead(200, { "content-length": bytes.length + 1 }).flushHeaders();
  t.match(await failure(url), { status: 413, code: "image_too_large" });
  answer = (_request, response) => {
    response.write(bytes);
    response.end("x");
  };
  t.match(await failure(url), { status: 413, code: "image_too_large" }, "without being told the length");
  answer = (_request, response) => response.write("x");
  transport.timeout = 100;
  t.match(
    await failure(url),
    { code: "image_not_fetched", message: /took longer than 0.1 s/ },
    "a body that never ends",
  );
  transport.timeout = 10_000;
  let open = 0;
  const slow: ServerResponse[] = [];
  answer = async (request, response) => {
    if (request.url === "/missing.png") {
      await until(() => slow.length > 0);
      response.writeHead(404).end();
      return;
    }
    open++;
    request.socket.once("close", () => open--);
    slow.push(response);
  };
  transport.timeout = 500;
  // Their bytes together are more than this server holds of all bodies.
  for (let i = 0; i < 10; i++) {
    const refusal = await failure(`https://${HOST}/slow.png`, `https://${HOST}/missing.png`);
    t.match(refusal, { code: "image_not_fetched", message: /status 404/ });
    slow.pop()?.write(bytes.subarray(0, -1));
  }
  await until(() => open === 0);
  answer = (_request, response) => response.end(bytes);
  t.equal(
    (await ask(url)).status,
    200,
    "when one image fails the others are given up, and nothing of them is held",
  );
  transport.timeout = 10_000;

  let gone = false;
  answer = (request) => {
    request.socket.once("close", () => {
      gone = true;
    });
  };
  const controller = new AbortController();
  const before = asked;
  const leaving = api.post(
    "/v1/chat/completions",
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] },
    { signal: controller.signal },
  );
  await until(() => asked > before);
  controller.abort();
  await t.rejects(leaving);
  await until(() => gone);
  ca = undefined;
  t.match(
    await failure(url),
    { code: "image_not_fetched", message: /self-signed/ },
    "a certificate nobody signed",
  );
  transport.timeout = 100;
  transport.resolve = () => new Promise(() => {});
  t.match(
    await failure(url),
    { code: "image_not_fetched", message: /took longer/ },
    "a name nobody resolves",
  );
  await api.close();
  remote.closeAllConnections();
  remote.close();
  await model.dispose();
});
