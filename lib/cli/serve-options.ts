import { type Command, Option } from "commander";
import { type ModelFlags, number } from "./options.js";

/** Options of `honeybee serve`, as commander leaves them. */
export interface ServeFlags extends ModelFlags {
  host: string;
  port: number;
  apiKeyFile?: string;
  modelName?: string;
  maxQueue?: number;
  requestTimeout?: number;
  maxBodyBytes?: number;
  maxImageBytes?: number;
  allowRemoteImages?: string[];
  cors?: string[];
  page?: boolean;
  log?: "json" | "pretty" | "none";
  quiet?: boolean;
}

export function addServeOptions(command: Command): Command {
  return command
    .option("--host <address>", "where to listen", "127.0.0.1")
    .option("--port <n>", "0 is any free one", number, 8080)
    .option("--api-key-file <file>", "one key a line; without it everybody may ask")
    .option("--model-name <name>", "how requests name the model; default: the folder's name")
    .option("--max-queue <n>", "answers that may wait beside those that run (default 512)", number)
    .option("--request-timeout <seconds>", "for a whole request (default 600)", number)
    .option("--max-body-bytes <n>", "of a request (default 33554432)", number)
    .option("--max-image-bytes <n>", "of an encoded image (default 20971520)", number)
    .option("--allow-remote-images <hosts...>", "hosts from which https: images are fetched")
    .option("--cors <origins...>", "origins whose pages may ask, or *")
    .option("--no-page", "no chat page at /")
    .addOption(
      new Option("--log <form>", "of requests, on standard error").choices(["json", "pretty", "none"]),
    )
    .option("--quiet", "no notes; the log stays");
}
