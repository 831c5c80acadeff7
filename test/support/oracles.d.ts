declare module "mistral-tokenizer-js" {
  const tokenizer: { vocabById: string[] };
  export default tokenizer;
}

declare module "@agnai/sentencepiece-js" {
  export class SentencePieceProcessor {
    load(path: string): Promise<void>;
    encodeIds(text: string): number[];
    decodeIds(ids: number[]): string;
  }
}
