#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { HoneybeeError } from "../errors.js";
import { packageVersion } from "../native.js";
import { nearest } from "../nearest.js";
import { addBatchOptions, batch } from "./batch.js";
import { bench } from "./bench.js";
import { benchOp } from "./bench-op.js";
import { addBenchOpOptions } from "./bench-op-options.js";
import { addBenchOptions } from "./bench-options.js";
import { chat } from "./chat.js";
import { convert } from "./convert.js";
import { addDemoOptions, demo } from "./demo.js";
import { addDemoEvalOptions, demoEval } from "./demo-eval.js";
import { demoScene } from "./demo-scene.js";
import { inspect } from "./inspect.js";
import { addGenerationOptions, addModelOptions, addPromptOptions, number } from "./options.js";
import { drawOption } from "./picture/show.js";
import { addProfileOptions, profile } from "./profile.js";
import { run } from "./run.js";
import { addServeOptions, type ServeFlags } from "./serve-options.js";
import { Interrupted } from "./terminal.js";
import { tokenize } from "./tokenize.js";
import { addWorkerOptions, worker } from "./worker.js";

const USAGE = 2;
const INTERRUPTED = 130;

const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value];

/** What `run` and `profile` ask. */
const addAskingOptions = (command: Command) =>
  command
    .option("--prompt <text>", "what to ask")
    .option("--image <file>", "an image, - for standard input; repeatable", collect)
    .option("--raw", "the prompt exactly as given, <image> where images go");

function build(): Command {
  const program = new Command("honeybee")
    .description(
      "Honeybee vision-language models. MODEL is a checkpoint's folder, random:NAME, or demo (a small trained model, once the package has it).",
    )
    .version(packageVersion())
    // `bench` and `bench op` have options of one name: each takes those behind it.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .exitOverride()
      .configureOutput({ writeErr: () => {} });

  addAskingOptions(
    addModelOptions(addGenerationOptions(addPromptOptions(command("run <model>", "one answer, streamed")))),
  )
    .option("--trace <file>", "write the network's reference points as safetensors")
    .option("--json", "one JSON document")
    .option("--quiet", "nothing but the answer")
    .action(run);
  addModelOptions(
    addGenerationOptions(addPromptOptions(command("chat <model>", "a conversation in the terminal"))),
  )
    .addOption(drawOption())
    .option("--quiet", "no notes")
    .action(chat);
  addBatchOptions(
    addModelOptions(
      addGenerationOptions(
        addPromptOptions(
          command("batch <model> <input> <output>", "many requests, JSONL to JSONL, resumable"),
        ),
      ),
    ),
  ).action(batch);
  addServeOptions(
    addModelOptions(command("serve <model>", "OpenAI's and Anthropic's APIs over HTTP")),
  ).action(async (model: string, flags: ServeFlags) => {
    // A quarter of what there is to load, and no other command needs it.
    const { serve } = await import("./serve.js");
    await serve(model, flags);
  });
  addWorkerOptions(
    addModelOptions(
      addGenerationOptions(addPromptOptions(command("worker <model>", "answers the jobs of a BullMQ queue"))),
    ),
  ).action(worker);
  addModelOptions(command("inspect [model]", "devices, and a model without loading it"))
    .option("--json", "one JSON document")
    .action(inspect);
  addModelOptions(addPromptOptions(command("tokenize <model>", "ids and pieces of the rendered prompt")))
    .option("--prompt <text>", "what to ask")
    .option("--image <file>", "an image; repeatable", collect)
    .option("--raw", "the prompt exactly as given")
    .option("--json", "one JSON document")
    .action(tokenize);
  const benchCommand = addBenchOptions(
    command("bench <model>", "image encoding, prefill and decode, medians"),
  )
    .enablePositionalOptions()
    .action(bench);
  addBenchOpOptions(
    benchCommand.command("op <name>").description("one operation alone, by shape, dtype and device"),
  ).action(benchOp);
  addProfileOptions(
    addAskingOptions(
      addModelOptions(
        addGenerationOptions(
          addPromptOptions(
            command("profile [model]", "where the time of one request goes; at most 32 tokens unless told"),
          ),
        ),
      ),
    ),
  ).action(profile);
  addModelOptions(command("convert <model> <out>", "any layout → one safetensors folder"))
    .option("--quiet", "no progress")
    .action(convert);
  addDemoOptions(
    addModelOptions(
      command(
        "demo",
        "questions about a new scene; without a trained model, a golden case and this machine's speed",
      ),
    ),
  ).action(demo);
  command("demo-scene <out>", "draws a new scene for the demo model as PNG")
    .option("--seed <n>", "the same seed, the same scene; default: any", number)
    .option("--size <pixels>", "side of the picture, 144 to 224", number)
    .option("--json", "what is in it, as one JSON document")
    .action(demoScene);
  addDemoEvalOptions(
    addModelOptions(
      command("demo-eval", "how many questions about new scenes the demo model answers rightly"),
    ),
  ).action(demoEval);
  return program;
}

/** A usage error in one line, with the nearest option where one is unknown. */
function usage(program: Command, error: CommanderError): string {
  const unknown = /unknown option '(--[\w-]+)/.exec(error.message)?.[1];
  const name = /unknown command '([^']+)'/.exec(error.message)?.[1];
  const find = (command: Command, word: string | undefined) =>
    command.commands.find((each) => each.name() === word) ?? command;
  const options = find(find(program, process.argv[2]), process.argv[3]).options.map(({ long }) => long ?? "");
  const hint = unknown
    ? nearest(unknown, options)
    : name
      ? nearest(
          name,
          program.commands.map((c) => c.name()),
        )
      : undefined;
  const text = error.message.replace(/^error: /, "").split("\n")[0]!;
  return hint ? `${text}; did you mean ${hint}?` : text;
}

async function main(): Promise<void> {
  const program = build();
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander has printed what it shows with exit code 0: help and version.
      if (error.exitCode === 0) return;
      if (error.code === "commander.help") program.outputHelp({ error: true });
      else process.stderr.write(`honeybee: ${usage(program, error)}\n`);
      process.exitCode = USAGE;
    } else if (error instanceof Interrupted) {
      process.exitCode = INTERRUPTED;
    } else if (error instanceof HoneybeeError) {
      process.stderr.write(`honeybee: ${error.message} (${error.code})\n`);
      process.exitCode = error.code === "ERR_OPTION" ? USAGE : 1;
    } else {
      process.stderr.write(
        `honeybee: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
      process.exitCode = 1;
    }
  }
}

await main();
