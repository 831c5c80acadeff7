import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { loadAtlas } from "../data/index.js";
import { pictureOf } from "../demo/answers.js";
import { HoneybeeError } from "../errors.js";
import { decodeImage, type RgbImage } from "../image/index.js";
import { type ChatMessage, image, type Model } from "../index.js";
import { DEMO } from "../model/resolve.js";
import { completeChatLine, readChatLine, readPath } from "./chat-line.js";
import { anySeed, shownScene } from "./demo-scene.js";
import {
  type GenerationFlags,
  generationOptions,
  type ModelFlags,
  modelOptions,
  number,
  promptOptions,
} from "./options.js";
import { canvasOf, drawPicture } from "./picture/draw.js";
import { findProtocol, type Protocol } from "./picture/protocol.js";
import { writeTemporaryPng } from "./picture/write.js";
import { load, Notes } from "./terminal.js";

export interface ChatFlags extends ModelFlags, GenerationFlags {
  draw?: Protocol;
  quiet?: boolean;
}

const HELP = `/image FILE   show an image with the next message; a file dropped on the terminal does the same
/scene [SEED] show a scene of the demo model's world
/system TEXT  set the system line
/reset        forget the conversation and its images
/save FILE    write the conversation as JSON
/help         this list
Ctrl-C stops the answer; at the prompt, or with Ctrl-D, it ends the chat.`;

const DEMO_GUIDE = `demo knows one world: drawings of things, plain shapes and short words, on simple backgrounds. Show it a picture
(/scene draws one; /image FILE shows your own) and ask, for example:
  Describe the picture.             What is at the top left?      How many red circles are there?
  Is there a dog in the picture?    Where is the apple?           What does the text say?`;

/** `honeybee chat`: a conversation in the terminal. */
export async function chat(model: string, flags: ChatFlags): Promise<void> {
  const notes = new Notes(flags.quiet ?? false);
  const loaded = await load(model, modelOptions(flags), notes);
  // Asked before lines are read, for the terminal's answer comes the same way.
  const isShown = flags.draw !== undefined || !notes.quiet;
  const protocol = isShown ? (flags.draw ?? (await findProtocol(process.stderr, process.stdin))) : "none";
  const conversation = new Conversation(loaded, flags, notes, protocol, model === DEMO);
  const names = Object.keys(conversation.commands).map((name) => `/${name}`);
  const terminal = createInterface({
    input: process.stdin,
    output: process.stderr,
    prompt: "> ",
    completer: (line: string) => completeChatLine(line, names),
  });
  terminal.on("SIGINT", () => conversation.stop() || terminal.close());

  if (model === DEMO) notes.say(DEMO_GUIDE);
  notes.say("type a message, or /help");
  terminal.prompt();
  try {
    for await (const line of terminal) {
      try {
        await conversation.take(line);
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

/** What was said, and what is shown with the next message. */
class Conversation {
  private messages: ChatMessage[] = [];
  private images: string[] = [];
  private answering: AbortController | undefined;
  private readonly prompt: ReturnType<typeof promptOptions>;

  constructor(
    private readonly model: Model,
    private readonly flags: ChatFlags,
    private readonly notes: Notes,
    private readonly protocol: Protocol,
    private readonly isDemo: boolean,
  ) {
    this.prompt = promptOptions(flags);
  }

  readonly commands: Readonly<Record<string, (argument: string) => Promise<void> | void>> = {
    image: (argument) => this.showFile(readPath(argument)),
    scene: (seed) => this.showScene(seed === "" ? anySeed() : number(seed)),
    system: (text) => {
      this.prompt.system = text;
    },
    reset: () => this.reset(),
    save: (argument) => writeFile(readPath(argument), `${JSON.stringify(this.messages, null, 2)}\n`),
    help: () => this.notes.say(HELP),
  };

  /** Stops the answer that is being given; false if there is none. */
  stop(): boolean {
    this.answering?.abort();
    return this.answering !== undefined;
  }

  async take(line: string): Promise<void> {
    const read = readChatLine(line);
    if ("command" in read) {
      const action = Object.hasOwn(this.commands, read.command) ? this.commands[read.command] : undefined;
      if (action) await action(read.argument);
      else this.notes.say(`/${read.command} is neither a file nor a command; there are\n${HELP}`);
      return;
    }
    for (const file of read.files) await this.showFile(file);
    if (read.text !== "") await this.answer(read.text);
  }

  private reset(): void {
    this.messages = [];
    this.images = [];
  }

  private async showFile(file: string): Promise<void> {
    if (file === "") throw new HoneybeeError("ERR_OPTION", "/image needs the path of an image");
    const { maxImagePixels: maxPixels } = this.flags;
    await this.show(await decodeImage(file, maxPixels === undefined ? {} : { maxPixels }), file);
  }

  private async showScene(seed: number): Promise<void> {
    const atlas = await loadAtlas();
    const picture = pictureOf(shownScene(seed, atlas), atlas);
    await this.show(picture, await writeTemporaryPng(picture, seed));
  }

  private async show(picture: RgbImage, file: string): Promise<void> {
    if (!this.model.info.config.vision)
      throw new HoneybeeError("ERR_OPTION", "this is a text-only model; it sees no images");
    process.stderr.write(await drawPicture(picture, this.protocol, canvasOf(process.stderr)));
    this.notes.say(`${file}, ${picture.width}×${picture.height}`);
    if (this.isDemo && this.messages.length > 0) {
      // It has learnt conversations whose pictures come first.
      this.reset();
      this.notes.say("the conversation begins anew with this picture");
    }
    this.images.push(file);
  }

  private async answer(text: string): Promise<void> {
    if (this.isDemo && this.images.length === 0 && this.messages.length === 0) {
      this.notes.say("show it a picture first: /scene, or /image FILE");
      return;
    }
    this.answering = new AbortController();
    const { signal } = this.answering;
    const message = { role: "user" as const, content: [...this.images.map((file) => image(file)), text] };
    const messages = [...this.messages, message];
    const options = generationOptions(this.flags);
    let said = "";
    try {
      for await (const chunk of this.model.chat({ messages, ...this.prompt, ...options, signal })) {
        if (chunk.index > 0) continue;
        said += chunk.text;
        process.stdout.write(chunk.text);
      }
    } catch (error) {
      if (!signal.aborted) throw withRemedy(error);
    } finally {
      this.answering = undefined;
    }
    process.stdout.write("\n");
    this.messages = [...messages, { role: "assistant", content: said }];
    this.images = [];
  }
}

function withRemedy(error: unknown): unknown {
  if (!(error instanceof HoneybeeError) || error.code !== "ERR_CONTEXT_LENGTH") return error;
  return new HoneybeeError(error.code, `${error.message}; /reset forgets the conversation`, { cause: error });
}
