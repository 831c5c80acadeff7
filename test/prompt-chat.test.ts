import t from "tap";
import {
  BASE_SYSTEM,
  type ChatMessage,
  type ChatOptions,
  checkImageCount,
  countImages,
  encodePrompt,
  encodeRaw,
  MESSAGE_SYSTEM,
  renderChat,
} from "../lib/prompt/index.js";
import { byteTokenizer, loadTokenizer } from "../lib/tokenizer/index.js";
import { goldenPath } from "./support/paths.js";

const image = { path: "a.png" };
const other = { path: "b.png" };
const user = (...content: (string | object)[]): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });

const honeybee = (messages: ChatMessage[], options: Partial<ChatOptions> = {}) =>
  renderChat(messages, { family: "honeybee", ...options });

t.test("Honeybee: the untemplated form of the evaluation", (t) => {
  const { prompt, images } = honeybee([user(image, "What is this?")]);
  t.equal(prompt, `${MESSAGE_SYSTEM}\nHuman: <image>\nHuman: What is this?\nAI: `);
  t.same(images, [image]);
  t.equal(images[0], image, "images pass through untouched");
  t.equal(honeybee([{ role: "user", content: "Hi" }]).prompt, `${MESSAGE_SYSTEM}\nHuman: Hi\nAI: `);
  t.end();
});

t.test("Honeybee: history, images in order before the text of their turn", (t) => {
  const { prompt, images } = honeybee([user("A", image, "B", other), assistant("Yes"), user("Why?", image)]);
  t.equal(
    prompt,
    `${MESSAGE_SYSTEM}\nHuman: <image>\nHuman: <image>\nHuman: A\nB\nAI: Yes\nHuman: <image>\nHuman: Why?\nAI: `,
  );
  t.same(images, [image, other, image]);
  t.end();
});

t.test("Honeybee: a last message of the assistant is left open", async (t) => {
  const { prompt } = honeybee([user("Count."), assistant("One, two")]);
  t.equal(prompt, `${MESSAGE_SYSTEM}\nHuman: Count.\nAI: One, two`);
  const tokenizer = await loadTokenizer(goldenPath("tokenizer", "small.model"));
  t.not(
    encodePrompt(tokenizer, prompt, { visualTokens: 4 }).ids.at(-1),
    tokenizer.eosId,
    "no EOS to stop at",
  );
});

t.test("Honeybee: system lines", (t) => {
  const first = (options: Partial<ChatOptions>, ...messages: ChatMessage[]) =>
    honeybee([...messages, user("Hi")], options).prompt.split("\n")[0];
  t.equal(first({ system: "base" }), BASE_SYSTEM);
  t.equal(first({ system: "message" }), MESSAGE_SYSTEM);
  t.equal(first({ system: "none" }), "Human: Hi");
  t.equal(first({ system: "Be brief." }), "Be brief.");
  t.equal(first({ template: "vqa" }), BASE_SYSTEM, "templates have the short line");
  t.equal(first({ template: "none" }), MESSAGE_SYSTEM);
  t.equal(
    first({ system: "base" }, { role: "system", content: "Mine." }),
    "Mine.",
    "the conversation's own wins",
  );
  t.end();
});

t.test("Honeybee: templates are applied to each text of the user", (t) => {
  const word = "Human: Answer the question using a single word or phrase.";
  t.equal(
    honeybee([user(image, "Colour?"), assistant("red"), user("Shape?")], { template: "vqa" }).prompt,
    `${BASE_SYSTEM}\nHuman: <image>\n${word} Colour?\nAI: red\n${word} Shape?\nAI: `,
  );
  t.match(
    honeybee([user(image, "the cup")], { template: "eval-refexploc" }).prompt,
    /sentence describes\. the cup\nAI: $/,
  );
  t.equal(honeybee([user(image)], { template: "captioning" }).prompt, "[NO_PROMPT] <image> ");
  t.equal(honeybee([user(image, "a dog")], { template: "textcaps" }).prompt, "[NO_PROMPT] <image> a dog");
  t.throws(() => honeybee([user(image, "Q")], { template: "sqa" }), {
    code: "ERR_OPTION",
    message: /needs the fields question, context, option/,
  });
  t.throws(() => honeybee([user("Q")], { template: "captioning" }), {
    code: "ERR_OPTION",
    message: /one image/,
  });
  t.throws(() => honeybee([user("Q")], { template: "vqq" }), {
    code: "ERR_OPTION",
    message: /"vqq"; known: .*mmb/,
  });
  t.end();
});

t.test("LLaVA-1.5", (t) => {
  const llava = (messages: ChatMessage[], options: Partial<ChatOptions> = {}) =>
    renderChat(messages, { family: "llava", ...options }).prompt;
  t.equal(llava([user(image, "What is this?")]), "USER: <image>\nWhat is this? ASSISTANT:");
  t.equal(
    llava([user(image, "What?"), assistant("A cup."), user("Where?")]),
    "USER: <image>\nWhat? ASSISTANT: A cup.</s>USER: Where? ASSISTANT:",
  );
  t.equal(llava([user("Count."), assistant("One")]), "USER: Count. ASSISTANT: One");
  t.equal(llava([user("Hi")], { system: "Be brief." }), "Be brief. USER: Hi ASSISTANT:");
  t.throws(() => llava([user("Hi")], { template: "vqa" }), {
    code: "ERR_OPTION",
    message: /template vqa is for Honeybee/,
  });
  t.end();
});

t.test("plain Llama: the model's own chat_template", (t) => {
  const chatTemplate =
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ '<<' + m['content'] + '>>' }}" +
    "{% elif m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}" +
    "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '>' }}{% endif %}";
  const llama = (messages: ChatMessage[], options: Partial<ChatOptions> = {}) =>
    renderChat(messages, { family: "llama", chatTemplate, bosToken: "<s>", eosToken: "</s>", ...options })
      .prompt;
  t.equal(llama([user("a"), assistant("b"), user("c")]), "<s>[INST] a [/INST] b</s>[INST] c [/INST]>");
  t.equal(llama([user("a")], { system: "S" }), "<s><<S>>[INST] a [/INST]>");
  t.equal(llama([user("a"), assistant("b")]), "<s>[INST] a [/INST] b", "the last answer is left open");
  t.equal(llama([user("say <image>")]), "<s>[INST] say <image> [/INST]>", "text is text here");
  t.throws(() => llama([user(image, "a")]), { code: "ERR_OPTION", message: /text-only/ });
  t.throws(() => llama([user("a")], { chatTemplate: undefined }), { code: "ERR_OPTION", message: /--raw/ });
  t.throws(() => llama([user("a")], { chatTemplate: "{% if %}" }), {
    code: "ERR_TOKENIZER",
    message: /is broken/,
  });
  const refusing = "{{ raise_exception('roles must alternate') }}";
  t.throws(() => llama([user("a")], { chatTemplate: refusing }), {
    code: "ERR_OPTION",
    message: /roles must alternate/,
  });
  t.same(
    encodeRaw(byteTokenizer(300), "<s>A", { addSpecial: false }).ids,
    [1, 68],
    "BOS as the template spells it",
  );
  t.same(encodeRaw(byteTokenizer(300), "A").ids, [1, 68], "BOS as the tokenizer adds it");
  t.end();
});

t.test("a literal <image> never takes an image's place", (t) => {
  t.equal(countImages("<image><image> <image >"), 2);
  t.doesNotThrow(() => checkImageCount("a <image> b", 1));
  t.throws(() => checkImageCount("a", 1), { code: "ERR_OPTION", message: /has 0 <image> but 1 image came/ });
  for (const family of ["honeybee", "llava"] as const) {
    t.throws(() => renderChat([user(image, "What does <image> mean?")], { family }), {
      code: "ERR_OPTION",
      message: /has 2 <image> but 1 image came/,
    });
    t.throws(() => renderChat([user("<image>")], { family }), { message: /has 1 <image> but 0 images came/ });
  }
  t.end();
});

t.test("malformed conversations name the message", (t) => {
  const cases: [unknown, RegExp][] = [
    ["Hi", /messages must be an array/],
    [[], /0 entries but none with role "user"/],
    [[assistant("a")], /none with role "user"/],
    [[null], /messages\[0\] must be an object/],
    [[{ role: "tool", content: "x" }], /messages\[0\]\.role must be .* not "tool"/],
    [[user("a"), { role: "system", content: "x" }], /messages\[1\] has role "system"/],
    [[{ role: "user", content: 7 }], /messages\[0\]\.content must be/],
    [[{ role: "user", content: [7] }], /messages\[0\]\.content holds number/],
    [[{ role: "user", content: [null] }], /messages\[0\]\.content holds null/],
    [
      [user("a"), { role: "assistant", content: [image] }],
      /messages\[1\] has role "assistant", but only the user/,
    ],
  ];
  for (const [messages, message] of cases) {
    t.throws(() => honeybee(messages as ChatMessage[]), { code: "ERR_OPTION", message }, message.source);
  }
  const family = "gpt" as ChatOptions["family"];
  t.throws(() => honeybee([user("a")], { family }), {
    code: "ERR_OPTION",
    message: /unknown chat family "gpt"/,
  });
  t.end();
});
