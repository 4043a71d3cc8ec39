// How one view is cut and coloured: a row of 16 numbers as src/augment/params.ts describes it, and its bounds.
struct View {
  box: vec4f, // top, left, height, width in whole pixels of the image
  more: vec4f, // flip, gray, sigma of the blur, 0
  order: vec4f, // 0 nothing, 1 brightness, 2 contrast, 3 saturation, 4 hue
  factors: vec4f, // brightness, contrast, saturation, hue
}

// A box of at least one pixel inside an image of height h and width w, whatever the numbers are.
fn inside(box: vec4f, h: i32, w: i32) -> vec4i {
  let top = clamp(i32(box.x), 0, h - 1);
  let left = clamp(i32(box.y), 0, w - 1);
  return vec4i(top, left, clamp(i32(box.z), 1, h - top), clamp(i32(box.w), 1, w - left));
}
