import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { type ChatMessage, image } from "../index.js";
import {
  type GenerationFlags,
  generationOptions,
  type ModelFlags,
  modelOptions,
  promptOptions,
} from "./options.js";
import { load, Notes } from "./terminal.js";

export interface ChatFlags extends ModelFlags, GenerationFlags {
  quiet?: boolean;
}

const HELP = `/image FILE   show an image with the next message
/system TEXT  set the system line
/reset        forget the conversation
/save FILE    write the conversation as JSON
/help         this list
Ctrl-C stops the answer; at the prompt, or with Ctrl-D, it ends the chat.`;

/** `honeybee chat`: a conversation in the terminal. */
export async function chat(model: string, flags: ChatFlags): Promise<void> {
  const notes = new Notes(flags.quiet ?? false);
  const loaded = await load(model, modelOptions(flags), notes);
  const terminal = createInterface({ input: process.stdin, output: process.stderr, prompt: "> " });
  const options = generationOptions(flags);
  const prompt = promptOptions(flags);
  let messages: ChatMessage[] = [];
  let images: string[] = [];
  let answering: AbortController | undefined;
  terminal.on("SIGINT", () => (answering ? answering.abort() : terminal.close()));

  const answer = async (text: string) => {
    messages.push({ role: "user", content: [...images.map((file) => image(file)), text] });
    images = [];
    answering = new AbortController();
    const generation = loaded.chat({ messages, ...prompt, ...options, signal: answering.signal });
    let said = "";
    try {
      for await (const chunk of generation) {
        if (chunk.index > 0) continue;
        said += chunk.text;
        process.stdout.write(chunk.text);
      }
    } catch (error) {
      if (!answering.signal.aborted) {
        messages.pop();
        throw error;
      }
    } finally {
      answering = undefined;
    }
    process.stdout.write("\n");
    messages.push({ role: "assistant", content: said });
  };

  const commands: Record<string, (argument: string) => Promise<void> | void> = {
    image: (file) => {
      images.push(file);
    },
    system: (text) => {
      prompt.system = text;
    },
    reset: () => {
      messages = [];
      images = [];
    },
    save: (file) => writeFile(file, `${JSON.stringify(messages, null, 2)}\n`),
    help: () => notes.say(HELP),
  };

  notes.say("type a message, or /help");
  terminal.prompt();
  try {
    for await (const line of terminal) {
      const command = /^\/(\w+)\s*(.*)$/.exec(line.trim());
      try {
        if (command) {
          const action = commands[command[1]!];
          if (action) await action(command[2]!);
          else notes.say(`no command /${command[1]}; there are\n${HELP}`);
        } else if (line.trim() !== "") await answer(line.trim());
      } catch (error) {
        process.stderr.write(`${(error as Error).message}\n`);
      }
      terminal.prompt();
    }
  } finally {
    terminal.close();
    await loaded.dispose();
  }
}
