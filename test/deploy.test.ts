// Containers and clusters: what can be said of their files where neither is to be had.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import t from "tap";
import { parse, parseAllDocuments } from "yaml";
import { goldenPath, repositoryRoot } from "./support/paths.js";

const read = (...path: string[]) => readFileSync(join(repositoryRoot, ...path), "utf8");
const compose = parse(read("compose.yaml"), { merge: true });

const folder = join(repositoryRoot, "deploy", "kubernetes");
/** Every manifest, by kind and name. */
const manifests = readdirSync(folder).flatMap((file) =>
  parseAllDocuments(read("deploy", "kubernetes", file)).map((document) => document.toJS()),
);
/** Those that run pods. */
const pods = manifests.filter(({ spec }) => spec.template).map(({ spec }) => spec.template.spec);
const containers = pods.flatMap((pod) => pod.containers);

/** The options that a command knows, asked once. */
function optionsOf(command: string): Set<string> {
  const asked = known.get(command);
  if (asked) return asked;
  const main = join(repositoryRoot, "dist", "lib", "cli", "main.js");
  const help = execFileSync(process.execPath, [main, command, "--help"], { encoding: "utf8" });
  const options = new Set(help.match(/^ +(--[\w-]+)/gm)!.map((option) => option.trim()));
  known.set(command, options);
  return options;
}
const known = new Map<string, Set<string>>();

t.test("compose.yaml is what compose-spec says", (t) => {
  // Its own keywords, `deprecated` among them, say nothing of validity.
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  const validate = ajv.compile(JSON.parse(readFileSync(goldenPath("compose-spec.json"), "utf8")));
  t.ok(validate(compose), JSON.stringify(validate.errors));
  const broken = structuredClone(compose);
  broken.services.server.port = ["80"];
  t.notOk(validate(broken), "a misspelt key would be found");
  t.same(Object.keys(compose.services), ["server", "worker", "server-gpu", "worker-gpu", "valkey"]);
  t.match(compose.services["worker-gpu"].build, { dockerfile: "Dockerfile.cuda" });
  t.end();
});

t.test("every command is one that honeybee has, with options that it knows", (t) => {
  const { server, worker } = compose.services;
  const shell: string = containers.find(({ command }) => command).args[0];
  const batch = shell.slice(shell.indexOf("main.js ") + "main.js ".length).split(/\s+/);
  const plain = containers.filter(({ command }) => !command).map(({ args }) => args);
  for (const [command, ...args] of [server.command, worker.command, batch, ...plain] as string[][]) {
    const options = optionsOf(command!);
    const given = args.filter((arg) => arg.startsWith("--")).map((arg) => arg.split("=")[0]!);
    t.ok(given.length > 0);
    for (const option of given) t.ok(options.has(option), `${command} ${option}`);
  }
  t.end();
});

t.test("the parts of a batch are as many as its pods, and begin at 1", (t) => {
  const { spec } = manifests.find(({ kind }) => kind === "Job");
  const [{ args, env }] = spec.template.spec.containers;
  const shards = env.find(({ name }: { name: string }) => name === "SHARDS").value;
  t.match(spec, { completionMode: "Indexed", completions: Number(shards), parallelism: Number(shards) });
  const script = args[0].replace("exec node", "echo");
  const said = (index: number) =>
    execFileSync("sh", ["-c", script], {
      encoding: "utf8",
      env: { ...process.env, JOB_COMPLETION_INDEX: String(index), SHARDS: shards },
    });
  t.match(said(0), /in.jsonl \/data\/out-1.jsonl --shard 1\/4 /);
  t.match(said(3), /in.jsonl \/data\/out-4.jsonl --shard 4\/4 /);
  t.end();
});

t.test("nothing runs as root, writes to its image or asks for less than it needs", (t) => {
  for (const pod of pods)
    t.match(pod, { automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } });
  for (const container of containers) {
    t.match(container, {
      resources: { requests: { cpu: String, memory: String }, limits: { memory: String } },
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
    });
  }
  const [server] = containers.filter(({ name }) => name === "server");
  t.match(server, {
    livenessProbe: { httpGet: { path: "/health" } },
    readinessProbe: { httpGet: { path: "/ready" } },
  });
  for (const [name, service] of Object.entries(compose.services) as [string, Record<string, unknown>][])
    if (name !== "valkey") t.match(service, { read_only: true, cap_drop: ["ALL"] }, name);
  t.end();
});

t.test("a Dockerfile copies what the build leaves, from what is let through to it", (t) => {
  const allowed = read(".dockerignore")
    .split("\n")
    .filter((line) => line.startsWith("!"))
    .map((line) => line.slice(1));
  for (const path of allowed) t.ok(existsSync(join(repositoryRoot, path)), path);
  for (const file of ["Dockerfile", "Dockerfile.cuda"]) {
    const text = read(file);
    const copied = [...text.matchAll(/^COPY --from=build (.+) \S+$/gm)].flatMap(([, paths]) =>
      paths!.split(" "),
    );
    const built = [
      "node_modules",
      "dist/lib",
      "build/Release/honeybee.node",
      "build/Release/honeybee-cuda.so",
    ];
    for (const path of copied
      .filter((each) => each.startsWith("/app/"))
      .map((each) => each.slice("/app/".length)))
      t.ok(built.includes(path) || allowed.includes(path), `${file}: ${path}`);
    t.match(text, /^USER 1000$/m);
  }
  t.end();
});
