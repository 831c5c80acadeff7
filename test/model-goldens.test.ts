// Every case of golden/models on the CPU.
import t from "tap";
import { compareWithGoldens } from "./support/model-goldens.js";

compareWithGoldens(t, "cpu");
