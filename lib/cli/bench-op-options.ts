import { type Command, InvalidArgumentError } from "commander";
import { columns } from "../profile/columns.js";
import { OP_CASES, shapeText } from "./op-cases/index.js";
import { number } from "./options.js";

/** Options of `honeybee bench op`, as commander leaves them. */
export interface BenchOpFlags {
  /** Default: the sizes of the table. */
  shape?: string[];
  /** Default: the first that the operation has. */
  dtype?: string[];
  device: string[];
  threads?: number;
  isa?: string;
  repeat: number;
  json?: boolean;
  quiet?: boolean;
}

function list(text: string): string[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.includes("")) throw new InvalidArgumentError("expected names separated by commas.");
  return [...new Set(parts)];
}

export function addBenchOpOptions(command: Command): Command {
  const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value];
  return command
    .option("--shape <sizes>", "sizes that differ from those below, as rows=1,in=4096; repeatable", collect)
    .option("--dtype <list>", "dtypes, comma-separated, of what the table below says", list)
    .option(
      "--device <list>",
      "devices, comma-separated; results are compared with those of the first",
      list,
      ["cpu"],
    )
    .option("--threads <n>", "CPU threads", number)
    .option("--isa <name>", "the CPU's instruction set, as HONEYBEE_ISA")
    .option("--repeat <n>", "runs by the clock, whose median counts", number, 20)
    .option("--json", "one JSON document")
    .option("--quiet", "no notes")
    .addHelpText("after", () => `\n${table()}`);
}

/** Every operation with its sizes and dtypes. */
function table(): string {
  const rows = Object.entries(OP_CASES).map(([name, { sizes, dtypes, dtypeOf }]) => [
    name,
    `${dtypeOf} ${dtypes.join(",")}`,
    shapeText(sizes),
  ]);
  return columns([["operation", "dtype", "shape"], ...rows], 3);
}
