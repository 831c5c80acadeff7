"""Prompts, shards, batches and questions."""

import json

import pytest

from train.data import DataError, Shards, collate, cut, indices_of_step, write_scene
from train.evaluate import is_right, iou, read_questions
from train.model.honeybee import EOS, IGNORED, VISUAL
from train.overfit import turns
from train.tests.golden import GOLDEN
from train.tests.world import sample, write_samples
from train.tokenizer import Tokenizer

SMALL = Tokenizer(GOLDEN / "tokenizer" / "small.model")


def cases(name: str) -> list[dict]:
    return [json.loads(line) for line in (GOLDEN / "prompts" / name).read_text().splitlines()]


@pytest.mark.parametrize("name", ["raw.jsonl", "templates.jsonl", "truncation.jsonl"])
def test_prompts_are_encoded_as_the_official_trainer_does(name):
    compared = 0
    for case in cases(name):
        if "ids" not in case:
            continue
        text, tokens, limit = case["rendered"], case["num_visual_tokens"], case.get("max_length") or 0
        ids, labels = SMALL.encode_prompt(text, tokens, max_length=limit)
        assert ids == case["ids"], case["name"]
        assert labels == case["labels"], case["name"]
        for_answers = SMALL.encode_prompt(text, tokens, max_length=limit, inference=True)[0]
        assert for_answers == case.get("ids_inference", case["ids"]), case["name"]
        compared += 1
    assert compared > 5


def test_decoding_stops_at_the_end():
    ids = SMALL.encode("two red boats")
    assert SMALL.decode([*ids, EOS, 0, 0]) == "two red boats"
    assert SMALL.decode(ids) == "two red boats"


def test_every_epoch_is_a_shuffle():
    picked = [i for step in range(9) for i in indices_of_step(3, step, 4, 12)]
    for epoch in range(3):
        assert sorted(picked[12 * epoch : 12 * epoch + 12]) == list(range(12))
    assert picked[:12] != picked[12:24]
    assert indices_of_step(3, 5, 4, 12) == indices_of_step(3, 5, 4, 12)
    assert indices_of_step(4, 5, 4, 12) != indices_of_step(3, 5, 4, 12)
    # A batch may be longer than the set.
    assert sorted(indices_of_step(0, 0, 6, 3)) == [0, 0, 1, 1, 2, 2]


def test_padding_and_micro_batches():
    rows = [([{"a": 1}], [1, VISUAL, 5, 2], [IGNORED, IGNORED, 5, 2]), ([], [1, 7], [IGNORED, 7])]
    batch = collate(rows, multiple=8)
    assert batch.ids.tolist() == [[1, -1, 5, 2, 0, 0, 0, 0], [1, 7, 0, 0, 0, 0, 0, 0]]
    assert batch.labels[1].tolist() == [IGNORED, 7] + [IGNORED] * 6
    short, long = cut(rows, 1, 1)
    assert (short.ids.shape, long.ids.shape) == ((1, 2), (1, 4))
    assert (short.scenes, long.scenes) == ([], [{"a": 1}])


def test_shards_are_read_in_order_and_damage_is_named(tmp_path):
    write_samples(tmp_path, 5)
    (tmp_path / "0001.jsonl.gz").write_bytes((tmp_path / "0000.jsonl.gz").read_bytes())
    shards = Shards(tmp_path)
    assert [shards[i]["text"] for i in range(10)] == [sample(i % 5)["text"] for i in range(10)]

    import gzip

    (tmp_path / "0001.jsonl.gz").write_bytes(gzip.compress(b'{"text": "a", "scenes": []}\n{"text": 1}\n'))
    shards = Shards(tmp_path)
    assert shards[5]["text"] == "a"
    with pytest.raises(DataError, match=r"0001\.jsonl\.gz: line 2"):
        shards[6]
    (tmp_path / "0001.jsonl.gz").write_bytes(b"\x1f\x8b\x08 cut short")
    with pytest.raises(DataError, match="0001.jsonl.gz: not a gzip file"):
        Shards(tmp_path)
    with pytest.raises(DataError, match="honeybee/data"):
        Shards(tmp_path / "nothing")


def test_a_scene_in_words():
    scene = {
        "size": 200,
        "objects": [
            {"kind": "word", "word": "TREE", "color": "blue", "box": [100, 20, 150.5, 40]},
            {"kind": "drawing", "name": "dog", "color": None, "box": [10, 100, 60, 150]},
        ],
    }
    assert write_scene(scene) == 'dog [0.050,0.500,0.300,0.750], blue "TREE" [0.500,0.100,0.752,0.200]'


def test_right_answers():
    naming = {"task": "naming", "answer": "fire engine"}
    assert is_right(naming, " Fire engine. ") and not is_right(naming, "fire")
    box = {"task": "grounding", "answer": "[0.100,0.100,0.300,0.300]"}
    assert is_right(box, "It is at [0.1,0.1,0.3,0.3].")
    assert is_right(box, "[0.100,0.100,0.300,0.200]")
    assert not is_right(box, "[0.100,0.100,0.300,0.199]") and not is_right(box, "nowhere")
    assert iou([0, 0, 1, 1], [1, 1, 2, 2]) == 0 and iou([0, 0, 0, 0], [0, 0, 0, 0]) == 0


def test_questions(tmp_path):
    path = tmp_path / "questions.jsonl"
    rows = [{"task": t, "text": "?", "answer": str(n), "scene": {}} for n in range(3) for t in ("naming", "colour")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(read_questions(path)) == 6
    assert [q["answer"] for q in read_questions(path, 2)] == ["0", "0", "1", "1"]
    path.write_text(path.read_text() + '{"task": "naming"}\n')
    with pytest.raises(DataError, match="line 7"):
        read_questions(path)


def test_turns_of_a_dialogue():
    (first, answer), (second, other) = turns(sample(1)["text"])
    assert first.endswith("What is it?\nAI: ") and answer == "apple"
    assert second.startswith(first + "apple\nHuman: ") and other == "green"
    assert turns(sample(0)["text"]) == []
