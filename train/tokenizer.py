"""The model's own vocabulary: SentencePiece BPE with the properties of Llama's, trained on the world's text; and
prompts as ids and labels, encoded as the official trainer does (`lib/prompt/encode.ts` is the same in TypeScript)."""

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

import sentencepiece

from train.model.honeybee import EOS, IGNORED, VISUAL

BOS = 1
CAPTION_PREFIX = "[NO_PROMPT] <image> "
DELIMITERS = re.compile(r"(<image>|\nAI: |\nHuman: )")
SPECIAL = re.compile(r"(<unk>|<s>|</s>)")


def train_vocabulary(texts: Iterable[str], path: Path, pieces: int) -> None:
    """Llama's kind of vocabulary: identity normaliser, byte fallback, split digits, unk 0, bos 1, eos 2, no pad.

    `texts` are whole prompts; they are cut where the encoder cuts them. One thread, so that the same text gives the
    same file.
    """
    chunks = (chunk for text in texts for chunk in DELIMITERS.split(text) if chunk.strip())
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(line for chunk in chunks for line in chunk.split("\n") if line),
            model_writer=file,
            model_type="bpe",
            vocab_size=pieces,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            byte_fallback=True,
            split_digits=True,
            character_coverage=1.0,
            num_threads=1,
            minloglevel=1,
        )


class Tokenizer:
    def __init__(self, path: Path):
        self.path = path
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def __len__(self) -> int:
        return self.pieces.vocab_size()

    def encode(self, text: str) -> list[int]:
        """Ids of a piece of text, without BOS and EOS. Literal special tokens become their ids, as in Hugging Face's
        slow tokenizer; what follows one gets no space of its own."""
        first, *rest = SPECIAL.split(text)
        ids = self.pieces.encode(first) if first else []
        for part in rest:
            if SPECIAL.fullmatch(part):
                ids.append(self.pieces.piece_to_id(part))
            elif part:
                # A leading piece keeps SentencePiece from putting a space before the part.
                ids += self.pieces.encode("<unk>" + part)[len(self.pieces.encode("<unk>")) :]
        return ids

    def decode(self, ids: list[int]) -> str:
        """Text of an answer, up to its EOS."""
        if EOS in ids:
            ids = ids[: ids.index(EOS)]
        return self.pieces.decode([i for i in ids if i > EOS])

    def encode_prompt(
        self, text: str, visual_tokens: int, *, max_length: int = 0, inference: bool = False
    ) -> tuple[list[int], list[int]]:
        """Ids, -1 at visual positions, and labels, -100 where nothing is learnt (prompts.md section 2).

        `max_length` 0 is no limit; BOS does not count. `inference` leaves out an EOS at the very end.
        """
        limit = max_length + 1 if max_length else None
        ids, labels = [BOS], [IGNORED]

        def full() -> bool:
            return limit is not None and len(ids) >= limit

        def add(chunk: list[int], learnt: bool) -> None:
            ids.extend(chunk)
            labels.extend(chunk if learnt else [IGNORED] * len(chunk))

        if text.startswith(CAPTION_PREFIX):
            add([VISUAL] * visual_tokens, False)
            add([*self.encode(text.replace(CAPTION_PREFIX, "")), EOS], True)
        else:
            previous = None
            for chunk in filter(None, DELIMITERS.split(text)):
                if full():
                    break
                if chunk == "<image>":
                    if limit is not None and len(ids) + visual_tokens > limit:
                        break
                    add([VISUAL] * visual_tokens, False)
                else:
                    answer = previous == "\nAI: "
                    add(self.encode(chunk) + [EOS] * answer, answer)
                previous = chunk
        if limit is not None:
            ids, labels = ids[:limit], labels[:limit]
        if inference and ids[-1] == EOS:
            ids, labels = ids[:-1], labels[:-1]
        return ids, labels


def main() -> None:
    from train.data import Shards

    parser = argparse.ArgumentParser(description="Trains the vocabulary on the texts of sample shards.")
    parser.add_argument("shards", type=Path, nargs="+", help="folders of *.jsonl.gz")
    parser.add_argument("--out", type=Path, required=True, help="tokenizer.model")
    parser.add_argument("--pieces", type=int, default=1280)
    parser.add_argument("--texts", type=int, default=20000, help="most samples of each folder that are read")
    args = parser.parse_args()

    def texts() -> Iterable[str]:
        for folder in args.shards:
            shards = Shards(folder)
            yield from (shards[i]["text"] for i in range(min(len(shards), args.texts)))

    train_vocabulary(texts(), args.out, args.pieces)


if __name__ == "__main__":
    main()
