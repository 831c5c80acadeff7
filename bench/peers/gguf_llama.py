"""Writes a random Llama as GGUF, all its matrices of one kind.

    gguf_llama.py OUT.gguf --width W --layers L --heads H --kv-heads K --feed-forward F --vocabulary V [--kind Q8_0]

With --byte-tokens the file brings a tokenizer of 256 byte tokens, for programs that need to tokenize a prompt.
"""

import argparse

from gguf import GGUFWriter, TokenType

from random_weights import add_matrix, add_norm, finish


def add_byte_tokenizer(writer: GGUFWriter, vocabulary: int) -> None:
    """A SentencePiece-style vocabulary whose only text tokens are single bytes; the rest is unused."""
    special = [("<unk>", TokenType.UNKNOWN), ("<s>", TokenType.CONTROL), ("</s>", TokenType.CONTROL)]
    tokens = special + [(f"<0x{byte:02X}>", TokenType.BYTE) for byte in range(256)]
    tokens += [(f"<unused{index}>", TokenType.UNUSED) for index in range(vocabulary - len(tokens))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text.encode() for text, _ in tokens])
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([int(kind) for _, kind in tokens])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    for name in ("width", "layers", "heads", "kv-heads", "feed-forward", "vocabulary"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--kind", choices=("BF16", "Q8_0", "Q4_0"), default="BF16")
    parser.add_argument("--byte-tokens", action="store_true")
    args = parser.parse_args()
    width, hidden, vocabulary = args.width, args.feed_forward, args.vocabulary
    head = width // args.heads
    kv_width = head * args.kv_heads

    writer = GGUFWriter(args.out, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(args.layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(args.heads)
    writer.add_head_count_kv(args.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(vocabulary)
    if args.byte_tokens:
        add_byte_tokenizer(writer, vocabulary)
    else:
        writer.add_tokenizer_model("none")

    def add(name: str, outputs: int, inputs: int) -> None:
        add_matrix(writer, f"{name}.weight", outputs, inputs, kind=args.kind)

    add("token_embd", vocabulary, width)
    add("output", vocabulary, width)
    add_norm(writer, "output_norm", width, bias=False)
    for layer in range(args.layers):
        block = f"blk.{layer}"
        add_norm(writer, f"{block}.attn_norm", width, bias=False)
        add_norm(writer, f"{block}.ffn_norm", width, bias=False)
        add(f"{block}.attn_q", width, width)
        add(f"{block}.attn_k", kv_width, width)
        add(f"{block}.attn_v", kv_width, width)
        add(f"{block}.attn_output", width, width)
        add(f"{block}.ffn_gate", hidden, width)
        add(f"{block}.ffn_up", hidden, width)
        add(f"{block}.ffn_down", width, hidden)
    finish(writer)


if __name__ == "__main__":
    main()
