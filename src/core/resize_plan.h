#pragma once

namespace honeybee {

/// A rectangle of the resized picture, in its pixels.
struct ImageWindow {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
};

/// A resize of `width`×`height` pixels to `resized_width`×`resized_height`, of which only `window` is kept.
struct ResizePlan {
  int width = 0;
  int height = 0;
  int resized_width = 0;
  int resized_height = 0;
  ImageWindow window;
};

/// The whole picture squashed to `out_width`×`out_height`; the aspect ratio is not kept (Honeybee's
/// processor).
ResizePlan squash(int width, int height, int out_width, int out_height);

/// The shorter side becomes `size`, the longer floor(size · long / short), and the centre `size`×`size` is
/// kept (the CLIP processor of transformers 4.38.1, which LLaVA-1.5 uses). Throws Error(kImage) if the longer
/// side would not fit an int.
ResizePlan shortest_edge_crop(int width, int height, int size);

/// Throws Error(kImage) if a side is not positive or the window leaves the resized picture.
void check_plan(const ResizePlan& plan);

}  // namespace honeybee
