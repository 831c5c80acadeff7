import { join } from "node:path";
import { pathToFileURL } from "node:url";
import t from "tap";
import { repositoryRoot } from "./support/paths.js";

const script = (name: string) =>
  import(pathToFileURL(join(repositoryRoot, "scripts/support", `${name}.mjs`)).href);
const { occupancyOf } = await script("cuda-occupancy");
const { readKernels, kernelName } = await script("cuda-listing");
const { KERNELS, workOf, dynamicShared } = await script("cuda-shapes");
const { predictedUs, predictedStep } = await script("roofline");
const { decodingSteps, kernelTable, stepTable, staleShapes } = await script("cuda-markdown");

t.test("occupancy is that of cuda_occupancy.h (CUDA 13.0)", async (t) => {
  // arch, threads, registers, shared bytes: blocks a multiprocessor
  const known = [
    [80, 499, 123, 1743, 1],
    [80, 225, 25, 25149, 6],
    [80, 445, 79, 13943, 1],
    [86, 75, 28, 95437, 1],
    [86, 83, 107, 54941, 1],
    [86, 138, 105, 37619, 2],
    [89, 896, 67, 16425, 1],
    [89, 165, 59, 40613, 2],
    [89, 139, 234, 56955, 1],
    ["90a", 350, 37, 29784, 4],
    ["90a", 318, 60, 140912, 1],
    ["90a", 18, 244, 35230, 6],
    ["90a", 334, 30, 8974, 5],
    [100, 125, 82, 6736, 5],
    [100, 154, 127, 45097, 3],
    [100, 454, 52, 40618, 2],
    [120, 489, 103, 100214, 1],
    [120, 199, 107, 24956, 2],
  ] as const;
  for (const [arch, threads, registers, sharedBytes, blocks] of known) {
    const found = occupancyOf(`sm_${arch}`, { threads, registers, sharedBytes });
    t.equal(found.blocks, blocks, `sm_${arch}: ${threads} threads, ${registers} registers, ${sharedBytes} B`);
  }
  t.equal(occupancyOf("sm_90a", { threads: 256, registers: 32, sharedBytes: 0 }).occupancy, 1);
  t.equal(occupancyOf("sm_90a", { threads: 256, registers: 33, sharedBytes: 0 }).occupancy, 0.75);
  t.equal(occupancyOf("sm_89", { threads: 1024, registers: 32, sharedBytes: 0 }).occupancy, 1024 / 1536);
  t.throws(
    () => occupancyOf("sm_70", { threads: 32, registers: 32, sharedBytes: 0 }),
    /no figures for sm_70/,
  );
});

// The form of cuobjdump 13.2, shortened.
const RESOURCES = `
Fatbin elf code:
================
arch = sm_80
code version = [1,8]

Resource usage:
 Common:
  GLOBAL:0
 Function _ZN8honeybee4cuda11copy_kernelIfEEvPKT_PS2_:
  REG:12 STACK:0 SHARED:256 LOCAL:0 CONSTANT[0]:368 TEXTURE:0 SURFACE:0 SAMPLER:0

Fatbin elf code:
================
arch = sm_90a
code version = [1,8]

Resource usage:
 Common:
  GLOBAL:0
 Function _ZN8honeybee4cuda11copy_kernelIfEEvPKT_PS2_:
  REG:14 STACK:0 SHARED:1280 LOCAL:0 CONSTANT[0]:544 TEXTURE:0 SURFACE:0 SAMPLER:0
 Function _ZN8honeybee4cuda12array_kernelEPfi:
  REG:28 STACK:256 SHARED:0 LOCAL:0 CONSTANT[0]:540 TEXTURE:0 SURFACE:0 SAMPLER:0
`;
const ELF = `
arch = sm_80
code version = [1,8]
.nv.info
	<0x1>
	Attribute:	EIATTR_REGCOUNT
	Format:	EIFMT_SVAL
	Value:	function: _ZN8honeybee4cuda11copy_kernelIfEEvPKT_PS2_(0xc)	register count: 12
.nv.info._ZN8honeybee4cuda11copy_kernelIfEEvPKT_PS2_
	<0x1>
	Attribute:	EIATTR_CUDA_API_VERSION
	Format:	EIFMT_SVAL
	Value:	0x82 
	<0x9>
	Attribute:	EIATTR_MAX_THREADS
	Format:	EIFMT_SVAL
	Value:	0x80 0x1 0x1 
arch = sm_90a
code version = [1,8]
.nv.info._ZN8honeybee4cuda11copy_kernelIfEEvPKT_PS2_
	<0x9>
	Attribute:	EIATTR_MAX_THREADS
	Format:	EIFMT_SVAL
	Value:	0x20 0x10 0x1 
.nv.info._ZN8honeybee4cuda12array_kernelEPfi
	<0x1>
	Attribute:	EIATTR_CUDA_API_VERSION
	Format:	EIFMT_SVAL
	Value:	0x82 
`;
const SASS = `
	code for sm_80
	.target	sm_80

		Function : _ZN8honeybee4cuda11copy_kernelIfEEvPKT_PS2_
	.headerflags	@"EF_CUDA_SM80 EF_CUDA_VIRTUAL_SM(EF_CUDA_SM80)"
        /*0000*/                   MOV R1, c[0x0][0x28] ;                             /* 0x00000a0000017a02 */
                                                                                      /* 0x000fe20000000f00 */
        /*0010*/                   S2R R4, SR_TID.X ;                                 /* 0x0000000000047919 */
                                                                                      /* 0x000e220000002100 */
        /*0020*/              @!P0 EXIT ;                                             /* 0x000000000000794d */
                                                                                      /* 0x000fea0003800000 */
        /*0030*/                   BRA 0x30;                                          /* 0xfffffff000007947 */
                                                                                      /* 0x000fc0000383ffff */
        /*0040*/                   NOP;                                               /* 0x0000000000007918 */
                                                                                      /* 0x000fc00000000000 */
		..........

	code for sm_90a
	.target	sm_90a

		Function : _ZN8honeybee4cuda11copy_kernelIfEEvPKT_PS2_
        /*0000*/                   LDC R1, c[0x0][0x28] ;                             /* 0x00000a00ff017b82 */
                                                                                      /* 0x000fe20000000800 */
        /*0010*/                   EXIT ;                                             /* 0x000000000000794d */
                                                                                      /* 0x000fea0003800000 */
		..........

		Function : _ZN8honeybee4cuda12array_kernelEPfi
        /*0000*/                   EXIT ;                                             /* 0x000000000000794d */
                                                                                      /* 0x000fea0003800000 */
`;

t.test("a listing of two architectures is read kernel by kernel", async (t) => {
  const copy = "_ZN8honeybee4cuda11copy_kernelIfEEvPKT_PS2_";
  t.strictSame(readKernels({ resources: RESOURCES, elf: ELF, sass: SASS }), [
    {
      arch: "sm_80",
      symbol: copy,
      registers: 12,
      spills: 0,
      sharedBytes: 256,
      threads: 128,
      instructions: 4,
    },
    // The driver's 1 KiB is not the kernel's; 32 × 16 threads.
    {
      arch: "sm_90a",
      symbol: copy,
      registers: 14,
      spills: 0,
      sharedBytes: 256,
      threads: 512,
      instructions: 2,
    },
    // Without launch bounds the compiler assumes 1024 threads.
    {
      arch: "sm_90a",
      symbol: "_ZN8honeybee4cuda12array_kernelEPfi",
      registers: 28,
      spills: 256,
      sharedBytes: 0,
      threads: 1024,
      instructions: 1,
    },
  ]);
  t.strictSame(readKernels({ resources: "", elf: "", sass: "" }), []);
});

t.test("names are short, and template arguments whole", async (t) => {
  t.strictSame(
    kernelName("void honeybee::cuda::gemv_kernel<__nv_bfloat16, 2>(honeybee::cuda::GemvOperands)"),
    {
      name: "gemv_kernel<bf16, 2>",
      base: "gemv_kernel",
      args: ["bf16", "2"],
    },
  );
  t.strictSame(
    kernelName(
      "void honeybee::cuda::tile_kernel<honeybee::cuda::Tile<__half, 128, 4>, (honeybee::Activation)3>(float*)",
    ),
    {
      name: "tile_kernel<Tile<f16, 128, 4>, (Activation)3>",
      base: "tile_kernel",
      args: ["Tile<f16, 128, 4>", "(Activation)3"],
    },
  );
  t.strictSame(kernelName("honeybee::cuda::plain_kernel(honeybee::cuda::Rows<float const>, int)"), {
    name: "plain_kernel",
    base: "plain_kernel",
    args: [],
  });
});

t.test("the least time is that of the scarcer of bytes and operations", async (t) => {
  const close = (found: number, wanted: number, message: string) =>
    t.ok(Math.abs(found - wanted) < 1e-3 * wanted, `${message}: ${found}`);
  close(predictedUs({ bytes: 4.3e9, flops: 0, unit: "fma" }), 1001.3, "4.3 GB");
  close(predictedUs({ bytes: 0, flops: 790e9, unit: "tensor" }), 1001.3, "790 GFLOP on tensor cores");
  close(predictedUs({ bytes: 4.3e9, flops: 120e9, unit: "fma" }), 2001.3, "120 GFLOP without");
  t.strictSame(
    predictedStep([
      { predictedUs: 2, times: 3 },
      { predictedUs: 5, times: 1 },
    ]),
    { launches: 4, us: 11 },
  );
});

interface Sized {
  label: string;
  bytes: number;
  flops: number;
  decoder?: string;
  times?: number;
}

t.test("sizes add up to the models'", async (t) => {
  const gemv: Sized[] = workOf({ base: "gemv_kernel", args: ["bf16", "1"] });
  const sum = (decoder: string, what: "bytes" | "flops") =>
    gemv
      .filter((size) => size.decoder === decoder)
      .reduce((total, size) => total + size[what] * (size.times ?? 0), 0);
  // Parameters of Llama 2 as published, less the embedding table and the norms.
  const weights = {
    "7B": 6_738_415_616 - (32000 + 65) * 4096,
    "13B": 13_015_864_320 - (32000 + 81) * 5120,
  };
  for (const [decoder, count] of Object.entries(weights)) {
    t.equal(sum(decoder, "flops"), 2 * count, `${decoder}: two operations a weight`);
    t.ok(sum(decoder, "bytes") > 2 * count && sum(decoder, "bytes") < 2.002 * count, `${decoder}: bytes`);
  }
  const [vit]: Sized[] = workOf({ base: "attention_kernel", args: ["TensorTile<bf16, 64, 4>"] });
  t.equal(vit?.flops, 16 * 4 * 257 * 257 * 1024);
  t.strictSame(workOf({ base: "attention_kernel", args: ["TensorTile<bf16, 128, 4>"] }), []);
  const [cached]: Sized[] = workOf({ base: "decode_attention_kernel", args: ["TensorTile<KvFp8, 128, 1>"] });
  t.equal(cached?.bytes, 2 * 2 * 4096 + 2 * 512 * (4096 + 4 * 32), "codes, and a scale a head");
  t.strictSame(workOf({ base: "paged_attention_kernel", args: ["TensorTile<bf16, 64, 4>"] }), []);
  t.equal(workOf({ base: "unheard_kernel", args: [] }), undefined);
});

t.test("every row of the table gives whole work for each dtype", async (t) => {
  let counted = 0;
  for (const base of Object.keys(KERNELS)) {
    const isQuantized = ["quantized_gemv_kernel", "quantized_matmul_kernel"].includes(base);
    for (const type of isQuantized ? ["Int8Codes", "Int4Codes", "Fp8Codes"] : ["f32", "bf16", "f16"]) {
      const dim = base === "attention_kernel" ? 64 : 128;
      const tile = base.endsWith("attention_kernel") ? `TensorTile<${type}, ${dim}, 4>` : type;
      const sizes: Sized[] = workOf({ base, args: [tile, isQuantized ? "2" : type] });
      t.ok(sizes.length > 0, `${base}<${type}> has sizes`);
      for (const { label, bytes, flops } of sizes) {
        const whole = Number.isSafeInteger(bytes) && bytes > 0 && Number.isSafeInteger(flops) && flops >= 0;
        if (!whole || !label) t.fail(`${base}<${type}> ${label}: ${bytes} bytes, ${flops} operations`);
        counted++;
      }
    }
  }
  t.ok(counted > 3 * Object.keys(KERNELS).length);
});

t.test("attention's shared memory counts what its launcher asks for", async (t) => {
  const shared = (base: string, tile: string) => dynamicShared({ base, args: [tile] });
  t.equal(shared("paged_attention_kernel", "TensorTile<bf16, 128, 4>"), 80 * 1024);
  t.equal(shared("decode_attention_kernel", "TensorTile<bf16, 128, 1>"), 36 * 1024);
  t.equal(shared("decode_attention_kernel", "TensorTile<KvInt8, 128, 1>"), 36 * 1024);
  t.equal(shared("decode_attention_kernel", "PlainTile<f32>"), 78_080);
  t.equal(shared("attention_kernel", "PlainTile<f32>"), 41_216);
  t.equal(shared("rms_norm_kernel", "f32"), 0);
});

t.test("the tables name each kernel and each decoding step", async (t) => {
  const kernel = (name: string, sizes: object[], more = {}) => ({
    name,
    arch: "sm_90a",
    threads: 256,
    registers: 32,
    spills: 0,
    sharedBytes: 0,
    occupancy: 0.75,
    instructions: 100,
    size: null,
    bytes: null,
    flops: null,
    predictedUs: null,
    known: sizes.length > 0,
    sizes,
    ...more,
  });
  const kernels = [
    kernel("gemv_kernel<bf16, 1>", [{ decoder: "7B", times: 10, predictedUs: 99 }], {
      size: "7B decode",
      bytes: 2e6,
      flops: 3e9,
      predictedUs: 99,
    }),
    kernel("gemv_kernel<f32, 1>", [{ decoder: "7B", times: 10, predictedUs: 500 }]),
    kernel("rope_append_kernel<bf16, KvInt8>", [{ decoder: "7B", times: 10, predictedUs: 500 }]),
    kernel("choose_token_kernel", [{ decoder: "7B", times: 1, predictedUs: 10 }]),
    kernel("unheard_kernel", []),
  ];
  t.strictSame(decodingSteps(kernels), [{ decoder: "7B", launches: 11, us: 1000 }]);
  const lines = kernelTable(kernels).split("\n");
  t.equal(lines.length, 2 + kernels.length);
  t.equal(
    lines[2],
    "| `gemv_kernel<bf16, 1>` | sm_90a | 256 | 32 | 0 | 0 | 75 % | 100 | 7B decode | 2.00 | 3.00 | 99.0 |",
  );
  t.match(lines.at(-1), /\| unknown \|/);
  t.match(stepTable(kernels), /\| 7B decode, batch 1, bf16 \| 11 \| 1000 \| 1000 \|/);
  t.notOk(staleShapes(kernels).includes("gemv_kernel"));
  t.ok(staleShapes(kernels).includes("rms_norm_kernel"));
});
