// `honeybee serve` as a process: options, signals, exit codes.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import t from "tap";
import { endlessModel } from "./support/endless-model.js";
import { SHORT_PROMPT } from "./support/golden-model.js";
import { eventsOf, until } from "./support/http-server.js";
import { goldenPath, repositoryRoot } from "./support/paths.js";

const main = join(repositoryRoot, "dist", "lib", "cli", "main.js");
const model = endlessModel(t.testdir());

class Served {
  stderr = "";
  readonly code: Promise<number | null>;
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {
    this.code = new Promise((resolve) => child.once("exit", resolve));
  }

  /** Starts a server and waits until it listens. */
  static async start(...args: string[]): Promise<Served> {
    const child = spawn(process.execPath, [main, "serve", model, "--weights", "f32", "--port", "0", ...args]);
    let stderr = "";
    const url = await new Promise<string>((resolve, reject) => {
      child.stderr.setEncoding("utf8").on("data", (text) => {
        stderr += text;
        const found = /listening on (http:\S+)/.exec(stderr)?.[1];
        if (found) resolve(found);
      });
      child.once("exit", () => reject(new Error(stderr)));
    });
    const served = new Served(child, url);
    served.stderr = stderr;
    child.stderr.on("data", (text) => {
      served.stderr += text;
    });
    return served;
  }

  post(body: object, headers: object = {}): Promise<Response> {
    return fetch(`${this.url}/v1/completions`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

t.test("SIGTERM: what runs is finished, exit 0", async (t) => {
  const file = join(t.testdir(), "keys");
  writeFileSync(file, "# ours\nsecret name=Ann rate=100\n\nother # theirs\n");
  const served = await Served.start("--api-key-file", file, "--log", "json");
  const headers = { authorization: "Bearer secret" };
  t.equal((await served.post({ prompt: "x" })).status, 401);
  t.equal((await served.post({ prompt: "x", max_tokens: 1 }, { "x-api-key": "other" })).status, 200);
  const request = { prompt: SHORT_PROMPT, max_tokens: 300, ignore_eos: true, stream: true };
  const response = await served.post(request, headers);
  served.kill("SIGTERM");
  const events = eventsOf(await response.text());
  t.equal(events.at(-1), "[DONE]");
  t.equal(events.at(-2).choices[0].finish_reason, "length");
  t.equal(await served.code, 0);
  const lines = served.stderr.split("\n").filter((line) => line.startsWith("{"));
  t.match(
    lines.map((line) => JSON.parse(line)),
    [{ status: 401 }, { status: 200, key: "key 2" }, { status: 200, key: "Ann", completionTokens: 300 }],
  );
});

t.test("a second signal stops it at once", async (t) => {
  const served = await Served.start("--log", "pretty");
  const response = await served.post({
    prompt: SHORT_PROMPT,
    max_tokens: 1_000_000,
    ignore_eos: true,
    stream: true,
  });
  served.kill("SIGINT");
  await until(() => served.stderr.includes("stopping"));
  const reading = response.text();
  served.kill("SIGINT");
  await t.rejects(reading);
  t.equal(await served.code, 130);
  t.match(served.stderr, /request .*route=\/v1\/completions.* status=499/);
});

t.test("wrong usage", async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };
  const cabs = goldenPath("models", "cabs-new");
  const empty = join(
    t.testdir({ empty: "# nothing\n", bad: "key speed=9\n", rate: "key rate=fast\n" }),
    "empty",
  );
  const refused = async (...args: string[]) => {
    try {
      await promisify(execFile)(process.execPath, [main, "serve", cabs, ...args], { timeout: 20_000 });
    } catch (error) {
      return error as { code: number; stderr: string };
    }
    throw new Error("it was not refused");
  };
  t.match(await refused("--port", String(port)), { code: 2, stderr: /is taken; choose another with --port/ });
  t.match(await refused("--port", "70000"), { code: 2, stderr: /--port/ });
  t.match(await refused("--max-queue", "-3"), { code: 2, stderr: /maxQueue/ });
  t.match(await refused("--prot", "1"), { code: 2, stderr: /--prot'; did you mean --port/ });
  t.match(await refused("--api-key-file", join(cabs, "no")), { code: 1, stderr: /cannot be read.*ERR_FILE/ });
  t.match(await refused("--api-key-file", empty), { code: 2, stderr: /holds no key/ });
  t.match(await refused("--api-key-file", empty.replace("empty", "bad")), {
    code: 2,
    stderr: /line 1: "speed=9"/,
  });
  t.match(await refused("--api-key-file", empty.replace("empty", "rate")), {
    code: 2,
    stderr: /^honeybee: rate must/,
  });
  t.match(await refused("--allow-remote-images", "127.0.0.1"), { code: 2, stderr: /name of a host/ });
  taken.close();
});
