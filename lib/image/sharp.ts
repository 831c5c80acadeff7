import type SharpModule from "sharp";

let loading: Promise<typeof SharpModule> | undefined;

/**
 * sharp, loaded with the first image that needs it: text-only programs start sooner without.
 * One picture at a time leaves the cores to the engine, and its cache of decoded pictures is of no use here.
 */
export function loadSharp(): Promise<typeof SharpModule> {
  loading ??= import("sharp").then(({ default: sharp }) => {
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  return loading;
}
