"""Random tensors for same-shape GGUF files: speed does not depend on the values, only on their being ordinary."""

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, quants

_STANDARD_DEVIATION = 0.02
# Repeating one block makes gigabytes of weights in seconds.
_BLOCK = np.random.default_rng(0).standard_normal(1 << 22, dtype=np.float32) * _STANDARD_DEVIATION


def random(*shape: int) -> np.ndarray:
    """A float32 array of the shape."""
    return np.resize(_BLOCK, int(np.prod(shape))).reshape(shape)


def add_matrix(writer: GGUFWriter, name: str, *shape: int, kind: str = "BF16") -> None:
    """Adds a random tensor of a kind that gguf names: BF16, Q8_0, Q4_0; shape [out, in] as in PyTorch."""
    dtype = GGMLQuantizationType[kind]
    writer.add_tensor(name, quants.quantize(random(*shape), dtype), raw_dtype=dtype)


def add_norm(writer: GGUFWriter, name: str, width: int, bias: bool) -> None:
    """Adds the weight (ones) and, for a LayerNorm, the bias (zeros) of a normalisation."""
    writer.add_tensor(f"{name}.weight", np.ones(width, np.float32))
    if bias:
        writer.add_tensor(f"{name}.bias", np.zeros(width, np.float32))


def add_linear(writer: GGUFWriter, name: str, outputs: int, inputs: int) -> None:
    """Adds a linear layer with a bf16 weight and a float32 bias."""
    add_matrix(writer, f"{name}.weight", outputs, inputs)
    writer.add_tensor(f"{name}.bias", random(outputs))


def finish(writer: GGUFWriter) -> None:
    """Writes header, metadata and tensors."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
