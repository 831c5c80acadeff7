import { join } from "node:path";
import { pathToFileURL } from "node:url";
import t from "tap";
import { repositoryRoot } from "./support/paths.js";

const script = (name: string) =>
  import(pathToFileURL(join(repositoryRoot, "scripts/support", `${name}.mjs`)).href);
const { versionOf, failedPin } = await script("cuda-toolkit");
const { architectureNames, CUDA_BUILDS } = await script("cuda-build");
const { buildStep, withoutSteps } = await script("build-steps");
const { neededLibraries, foreignLibraries } = await script("elf");

t.test("nvcc's version is read from what it says of itself", async (t) => {
  const said =
    "nvcc: NVIDIA (R) Cuda compiler driver\nCuda compilation tools, release 13.0, V13.0.88\nBuild cuda_13.0";
  t.equal(versionOf(said), "13.0.88");
  t.equal(versionOf("not a compiler 12.8"), undefined);
});

t.test("of a failed download the wheel is named", async (t) => {
  const pins = ["nvidia-cuda-nvcc==13.0.88", "nvidia-nvvm==13.0.88"];
  const lost = "WARNING: Retrying (Retry(total=0)) after connection broken by 'x': /simple/nvidia-nvvm/";
  t.equal(failedPin(lost, pins), pins[1]);
  t.equal(failedPin("ERROR: No matching distribution found for nvidia-cuda-nvcc==13.0.88", pins), pins[0]);
  t.equal(failedPin("ERROR: No space left on device", pins), pins.join(", "));
});

t.test("architectures are written as nvcc writes them", async (t) => {
  t.equal(architectureNames(CUDA_BUILDS.development.architectures), "sm_90a");
  t.equal(
    architectureNames(CUDA_BUILDS.release.architectures),
    "sm_80, sm_86, sm_89, sm_90a, sm_100, sm_120, PTX 120",
  );
});

t.test("steps of ninja and make are told from what compilers say", async (t) => {
  const object = "CUDA object cuda/CMakeFiles/honeybee-cuda-objects.dir/norm.cu.o";
  const step = { action: "Building", file: "norm.cu" };
  t.strictSame(buildStep(`[3/40] Building ${object}`), { position: "3 of 40", ...step });
  t.strictSame(buildStep(`[  7%] Building ${object}`), { position: "7 %", ...step });
  t.strictSame(buildStep("[40/40] Linking CXX shared module honeybee-cuda.so"), {
    position: "40 of 40",
    action: "Linking",
    file: "honeybee-cuda.so",
  });
  t.equal(buildStep("[0/2] Re-checking globbed directories..."), undefined);
  t.equal(buildStep("norm.cu(3): error: Building"), undefined);
  t.equal(
    withoutSteps(`[1/2] Building ${object}\nnorm.cu(3): error: x\n[2/2] Linking`),
    "norm.cu(3): error: x",
  );
});

t.test("libraries that are not everywhere are found", async (t) => {
  const listing = [
    "Dynamic section at offset 0x2d68 contains 30 entries:",
    "  Tag        Type                         Name/Value",
    " 0x0000000000000001 (NEEDED)             Shared library: [libcublasLt.so.13]",
    " 0x0000000000000001 (NEEDED)             Shared library: [libcuda.so.1]",
    " 0x0000000000000001 (NEEDED)             Shared library: [libstdc++.so.6]",
    " 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]",
    " 0x0000000000000001 (NEEDED)             Shared library: [ld-linux-x86-64.so.2]",
    " 0x000000000000000e (SONAME)             Library soname: [libcublas.so.1]",
  ].join("\n");
  const needed = neededLibraries(listing);
  t.strictSame(needed, [
    "libcublasLt.so.13",
    "libcuda.so.1",
    "libstdc++.so.6",
    "libc.so.6",
    "ld-linux-x86-64.so.2",
  ]);
  t.strictSame(foreignLibraries(needed), ["libcublasLt.so.13", "libcuda.so.1"]);
});
