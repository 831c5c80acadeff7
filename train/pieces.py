"""Files cut into pieces, for machines that hand back small files only.

    python -m train.pieces split runs/demo/last/model.safetensors pieces/
    python -m train.pieces join pieces/ model.safetensors runs/demo/last/model.safetensors
"""

import argparse
import hashlib
import sys
from pathlib import Path

from train.checkpoint import CheckpointError, replace_file

PIECE_BYTES = 16 * 2**20


def split_file(path: Path, folder: Path, piece_bytes: int = PIECE_BYTES) -> list[Path]:
    """Cuts a file into `NAME.00`, `NAME.01`, … and `NAME.sha256`, which `join_file` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    data = path.read_bytes()
    pieces = []
    for i in range(0, max(len(data), 1), piece_bytes):
        pieces.append(folder / f"{path.name}.{i // piece_bytes:02d}")
        pieces[-1].write_bytes(data[i : i + piece_bytes])
    (folder / f"{path.name}.sha256").write_text(hashlib.sha256(data).hexdigest() + "\n")
    return pieces


def join_file(folder: Path, name: str, path: Path) -> None:
    """Puts the pieces of `name` together again and checks that none is missing or changed."""
    pieces = sorted(folder.glob(f"{name}.[0-9][0-9]"))
    data = b"".join(piece.read_bytes() for piece in pieces)
    try:
        wanted = (folder / f"{name}.sha256").read_text().strip()
    except FileNotFoundError:
        raise CheckpointError(f"{folder / name}.sha256: no such file; it is written beside the pieces.") from None
    if hashlib.sha256(data).hexdigest() != wanted:
        raise CheckpointError(f"{folder / name}: the {len(pieces)} pieces do not add up to the file that was cut.")
    replace_file(path, lambda part: part.write_bytes(data))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    cut = commands.add_parser("split")
    cut.add_argument("file", type=Path)
    cut.add_argument("folder", type=Path)
    join = commands.add_parser("join")
    join.add_argument("folder", type=Path)
    join.add_argument("name", help="of the file that was cut")
    join.add_argument("file", type=Path)
    args = parser.parse_args()
    try:
        if args.command == "split":
            split_file(args.file, args.folder)
        else:
            join_file(args.folder, args.name, args.file)
        return 0
    except (CheckpointError, OSError) as error:
        print(f"train.pieces: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
