export { type ChatFamily, type ChatOptions, checkImageCount, type RenderedChat, renderChat } from "./chat.js";
export { cleanDemoOutput, type DemoTurn, renderDemoPrompt, unescapeDemoCode } from "./demo.js";
export { renderLlavaDialogue, renderShareGptDialogue, type Utterance } from "./dialogue.js";
export {
  type EncodedPrompt,
  type EncodePromptOptions,
  encodeLlava,
  encodePrompt,
  encodeRaw,
  IGNORED_LABEL,
  IMAGE_ID,
} from "./encode.js";
export { boxText, type OptionStyle, optionAnswer, optionText, type PixelBox, vsrQuestion } from "./fields.js";
export type { ChatMessage, MessagePart } from "./messages.js";
export { type PaddedBatch, padBatch } from "./pad.js";
export {
  parseScienceAnswer,
  parseScienceQuestion,
  type ScienceAnswer,
  type ScienceQuestion,
} from "./scienceqa.js";
export { renderTemplate, TEMPLATE_NAMES, type TemplateFields, type TemplateOptions } from "./template.js";
export { BASE_SYSTEM, countImages, IMAGE_TAG, MESSAGE_SYSTEM } from "./text.js";
