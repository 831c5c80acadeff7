// A device other than the CPU resizes pictures itself, and sees the same as if they had been resized before.
import t from "tap";
import { preprocess } from "../lib/index.js";
import { goldenCase, loadGolden } from "./support/golden-model.js";
import { goldenPath } from "./support/paths.js";

/** A picture whose sides differ, with raw pixels of one colour after the other. */
const wide = { data: new Uint8Array(3 * 300 * 90), width: 300, height: 90, channels: 3 };
for (let i = 0; i < wide.data.length; i++) wide.data[i] = (i * 37) % 251;

// Squashed as Honeybee does; cropped as LLaVA does.
for (const name of ["cabs-new", "llava"]) {
  t.test(`${name} on simt`, async (t) => {
    const model = await loadGolden(`${name}/${goldenCase(name).checkpoint}`, { device: "simt" });
    t.teardown(() => model.dispose());
    const { preprocessing: mode, vision } = model.info.config;
    const size = vision!.imageSize;
    for (const picture of [goldenPath("images", "a.png"), wide]) {
      const { rgb } = await preprocess(picture, { size, mode });
      const before = await model.encodeImage({ data: rgb, width: size, height: size, channels: 3 });
      const after = await model.encodeImage(picture);
      t.ok(
        after.data.every((value, i) => value === before.data[i]),
        "the same visual tokens",
      );
    }
  });
}
