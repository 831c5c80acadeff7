import { FLOATS, type OpCase } from "./case.js";

const MATRICES = { dtypes: FLOATS, dtypeOf: "matrices" } as const satisfies Partial<OpCase>;
const F32 = { dtypes: ["f32"], dtypeOf: "matrices" } as const satisfies Partial<OpCase>;

/** Images and feature grids. */
export const GRIDS: Record<string, OpCase> = {
  resize_bicubic: {
    sizes: { width: 640, height: 480, size: 336 },
    ...F32,
    prepare(make, { width, height, size }) {
      const image = make.bytes(3 * width! * height!);
      const options = { width: width!, height: height!, resized: { width: size!, height: size! } };
      return () => make.ops.resizeBicubic(image, options);
    },
    work: ({ width, height, size }) => ({ bytes: 3 * (width! * height! + size! ** 2), flops: {} }),
  },
  patchify: {
    sizes: { batch: 1, size: 336, patch: 14 },
    ...MATRICES,
    prepare(make, { batch, size, patch }) {
      const rgb = make.bytes(3 * batch! * size! ** 2);
      const scale = { mean: [0.48, 0.46, 0.41], std: [0.27, 0.26, 0.28] };
      const options = { imageSize: size!, patch: patch!, dtype: make.matrixDtype, ...scale };
      return () => make.ops.patchify(rgb, options).data;
    },
    work: ({ batch, size }, { matrix }) => ({ bytes: 3 * batch! * size! ** 2 * (1 + matrix), flops: {} }),
  },
  depthwise_conv3x3: {
    sizes: { batch: 1, height: 24, width: 24, channels: 1024 },
    ...MATRICES,
    prepare(make, { batch, height, width, channels }) {
      const x = make.matrix(batch! * height! * width!, channels!);
      const weight = make.matrix(9, channels!, "f32");
      return () => make.ops.depthwiseConv3x3(x, weight, { height: height!, width: width! }).data;
    },
    work({ batch, height, width, channels }, { matrix }) {
      const values = batch! * height! * width! * channels!;
      return { bytes: 2 * values * matrix + 36 * channels!, flops: { f32: 18 * values } };
    },
  },
  mean_rows: {
    sizes: { batch: 1, rows: 576, cols: 1024 },
    ...MATRICES,
    prepare(make, { batch, rows, cols }) {
      const x = make.matrix(batch! * rows!, cols!);
      return () => make.ops.meanRows(x, batch!).data;
    },
    work: ({ batch, rows, cols }, { matrix }) => ({
      bytes: batch! * (rows! + 1) * cols! * matrix,
      flops: {},
    }),
  },
  gate_channels: {
    sizes: { batch: 1, rows: 576, cols: 1024 },
    ...MATRICES,
    prepare(make, { batch, rows, cols }) {
      const [gate, x] = [make.matrix(batch!, cols!), make.matrix(batch! * rows!, cols!)];
      return () => make.ops.gateChannels(gate, x).data;
    },
    work: ({ batch, rows, cols }, { matrix }) => ({
      bytes: batch! * (2 * rows! + 1) * cols! * matrix,
      flops: {},
    }),
  },
  adaptive_avg_pool: {
    sizes: { batch: 1, height: 24, width: 24, toHeight: 12, toWidth: 12, channels: 1024 },
    ...MATRICES,
    prepare(make, { batch, height, width, toHeight, toWidth, channels }) {
      const x = make.matrix(batch! * height! * width!, channels!);
      const [from, to] = [
        { height: height!, width: width! },
        { height: toHeight!, width: toWidth! },
      ];
      return () => make.ops.adaptiveAvgPool(x, from, to).data;
    },
    work: ({ batch, height, width, toHeight, toWidth, channels }, { matrix }) => ({
      bytes: batch! * (height! * width! + toHeight! * toWidth!) * channels! * matrix,
      flops: {},
    }),
  },
  deformable_sample: {
    sizes: { batch: 1, queries: 144, height: 24, width: 24, heads: 16, dim: 64, points: 4 },
    ...F32,
    prepare(make, { batch, queries, height, width, heads, dim, points }) {
      const value = make.matrix(batch! * height! * width!, heads! * dim!, "f32");
      const offsets = make.matrix(batch! * queries!, heads! * points! * 2, "f32");
      const logits = make.matrix(batch! * queries!, heads! * points!, "f32");
      const places = make.matrix(queries!, 2, "f32");
      const reference = { ...places, data: places.data.map((place) => (place + 1) / 2) };
      const levels = [{ height: height!, width: width! }];
      const options = { batch: batch!, heads: heads!, points: points!, levels };
      return () => make.ops.deformableSample(value, offsets, logits, reference, options).data;
    },
    // Four corners a sample, then the samples of a head: five multiply-adds a channel.
    work({ batch, queries, height, width, heads, dim, points }) {
      const channels = heads! * dim!;
      const steering = batch! * queries! * heads! * points! * 3 + queries! * 2;
      return {
        bytes: 4 * (batch! * (height! * width! + queries!) * channels + steering),
        flops: { f32: 10 * batch! * queries! * points! * channels },
      };
    },
  },
};
