// Shape of a convolution, and the walk over its windows. x: [n, h, w, ci], w: [kh, kw, ci / groups, co],
// y: [n, oh, ow, co]; ci4 and co4 count vec4 of channels where these are padded to multiples of 4.
struct Params {
  n: i32, h: i32, w: i32, ci: i32,
  oh: i32, ow: i32, co: i32, groups: i32,
  kh: i32, kw: i32, stride_h: i32, stride_w: i32,
  pad_h: i32, pad_w: i32, dilation_h: i32, dilation_w: i32,
  ci4: i32, co4: i32,
  // Taps this far apart reach the same input pixel: stride / gcd(stride, dilation).
  step_h: i32, step_w: i32,
  slices: i32,
  sample: i32, // see tail.wgsl
}

// The input under the first tap of an output pixel: image, row and column (which may lie in the padding).
struct Window { n: i32, h: i32, w: i32 }

fn window_of(m: i32) -> Window {
  let row = m / params.ow;
  let ow = m - row * params.ow;
  let n = row / params.oh;
  let oh = row - n * params.oh;
  return Window(n, oh * params.stride_h - params.pad_h, ow * params.stride_w - params.pad_w);
}

// The window of the output pixel after that of `a`, with no division.
fn next_window(a: Window) -> Window {
  let w = a.w + params.stride_w;
  let row_ends = w == params.ow * params.stride_w - params.pad_w;
  let h = a.h + select(0, params.stride_h, row_ends);
  let image_ends = h == params.oh * params.stride_h - params.pad_h;
  return Window(
    a.n + select(0, 1, image_ends),
    select(h, -params.pad_h, image_ends),
    select(w, -params.pad_w, row_ends),
  );
}

// First vec4 of the input pixel under tap (kh, kw) of a window, or -1 outside the images.
fn tap(a: Window, kh: i32, kw: i32) -> i32 {
  let h = a.h + kh * params.dilation_h;
  let w = a.w + kw * params.dilation_w;
  let inside = a.n < params.n && h >= 0 && h < params.h && w >= 0 && w < params.w;
  return select(-1, ((a.n * params.h + h) * params.w + w) * params.ci4, inside);
}
