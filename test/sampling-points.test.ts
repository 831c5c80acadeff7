// Where a D-Abstractor looks: the points of its last layer, in parts of the square.
import { readFileSync } from "node:fs";
import t from "tap";
import { samplingPoints } from "../lib/model/sampling-points.js";
import { goldenCase, loadGolden, relativeError } from "./support/golden-model.js";
import { serve } from "./support/http-server.js";

t.test("reference + offset, softmax over the points of a head", (t) => {
  const tensor = (name: string, shape: number[], values: number[]) => ({
    name,
    shape,
    values: Float32Array.from(values),
  });
  // One image, 2 queries, 2 heads, 1 level, 2 points on a grid of 4 × 4 cells.
  const zeros = new Array(16).fill(0);
  const trace = [
    tensor("projector.reference_points", [2, 2], [0.5, 0.25, 0, 1]),
    tensor("projector.layer.1.sampling_offsets", [1, 2, 2, 1, 2, 2], zeros),
    tensor("projector.layer.1.sampling_logits", [1, 2, 2, 1, 2], zeros.slice(8)),
    tensor(
      "projector.layer.2.sampling_offsets",
      [1, 2, 2, 1, 2, 2],
      [1, 0, 0, 2, -4, 0, 0, 0, 0, 0, 0, -2, 0, 0, 8, 0],
    ),
    tensor(
      "projector.layer.2.sampling_logits",
      [1, 2, 2, 1, 2],
      [0, 0, Math.log(3), 0, 90, 90, 0, Math.log(7)],
    ),
  ];
  const { data, shape } = samplingPoints(trace, 4);
  t.same(shape, [2, 4, 3]);
  // biome-ignore format: a point a line
  const expected = [
    0.75, 0.25, 0.25,  0.5, 0.75, 0.25,  -0.5, 0.25, 0.375,  0.5, 0.25, 0.125,
    0, 1, 0.25,        0, 0.5, 0.25,     0, 1, 0.0625,       2, 1, 0.4375,
  ];
  t.ok(relativeError(data, expected) < 1e-6);
  t.end();
});

for (const name of ["dabs-query", "dabs-multi"]) {
  t.test(`${name}: all queries, weights that add up, the same on both devices`, async (t) => {
    const [picture] = goldenCase(name).images!;
    const found = [];
    for (const device of ["cpu", "simt"]) {
      const model = await loadGolden(name, { device });
      const { data, shape } = await model.samplingPoints(picture!);
      const { projector } = model.info.config;
      if (projector?.type !== "d-abs") throw new Error(`${name} has no D-Abstractor`);
      t.same(shape.slice(0, 2), [
        projector.visualTokens,
        projector.heads * projector.featureLayers.length * projector.points,
      ]);
      for (let query = 0; query < shape[0]; query++) {
        let sum = 0;
        for (let point = 0; point < shape[1]; point++) sum += data[3 * (query * shape[1] + point) + 2]!;
        t.ok(Math.abs(sum - 1) < 1e-5, `query ${query}`);
      }
      found.push(data);
      await t.rejects(model.samplingPoints(await model.encodeImage(picture!)), {
        code: "ERR_OPTION",
        message: /the image itself/,
      });
      await model.dispose();
    }
    t.ok(relativeError(found[1]!, found[0]!) < 1e-4);
  });
}

t.test("another projector has none", async (t) => {
  const model = await loadGolden("cabs-new");
  await t.rejects(model.samplingPoints(goldenCase("cabs-new").images![0]!), {
    code: "ERR_OPTION",
    message: /only a D-Abstractor.*c-abs/,
  });
  await model.dispose();
});

t.test("POST /sampling_points", async (t) => {
  const model = await loadGolden("dabs-query");
  const api = await serve(model, { apiKeys: ["k"] });
  const [picture] = goldenCase("dabs-query").images!;
  const url = `data:image/png;base64,${readFileSync(picture!).toString("base64")}`;
  const headers = { authorization: "Bearer k" };
  t.match(await api.post("/sampling_points", { image: url }), { status: 401 });
  const { data, shape } = await model.samplingPoints(picture!);
  for (const image of [url, { url }]) {
    const { status, body } = await api.post("/sampling_points", { image }, { headers });
    t.equal(status, 200);
    t.equal(body.visual_tokens, shape[0]);
    const told = body.points.flat(2);
    t.equal(told.length, data.length);
    t.ok(told.every((value: number, i: number) => Math.abs(value - data[i]!) <= 0.5001e-4));
  }
  for (const [body, message] of [
    [{}, /image must be a URL/],
    [{ image: 1 }, /image/],
    [{ image: { url: 7 } }, /image must be a URL/],
    [{ image: "https://example.org/a.png" }, /data: URL/],
    [{ image: "data:image/png;base64,AAAA" }, /./],
    [{ image: url, n: 2 }, /unknown field "n"/],
  ] as const)
    t.match(await api.post("/sampling_points", body, { headers }), {
      status: 400,
      body: { error: { message } },
    });
  const models = await api.get("/v1/models", { headers });
  t.equal(models.body.data[0].image_samples, true);
  await api.close();
  await model.dispose();
});
