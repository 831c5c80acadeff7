// A checkpoint that train/ wrote, with a tied head, against what PyTorch computes from it (train/tests/make_trained.py).
import t from "tap";
import { compareCase } from "./support/model-goldens.js";

t.test("a trained model", (t) => compareCase(t, "../trained", "cpu"));
