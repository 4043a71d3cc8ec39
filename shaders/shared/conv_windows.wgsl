// The windows of four output pixels that follow each other, as conv_params.wgsl has that of one.
struct Windows { n: vec4i, h: vec4i, w: vec4i }

fn windows_of(m: i32) -> Windows {
  return windows_from(window_of(m));
}

// The windows of the four pixels after those of `a`.
fn next_windows(a: Windows) -> Windows {
  return windows_from(next_window(Window(a.n.w, a.h.w, a.w.w)));
}

fn windows_from(a0: Window) -> Windows {
  let a1 = next_window(a0);
  let a2 = next_window(a1);
  let a3 = next_window(a2);
  return Windows(vec4i(a0.n, a1.n, a2.n, a3.n), vec4i(a0.h, a1.h, a2.h, a3.h), vec4i(a0.w, a1.w, a2.w, a3.w));
}

// Runs of vec4 of the images that `taps` neighbouring taps of four windows read, and which of them lie inside.
struct Runs { start: vec4i, first: vec4i, count: vec4i }

fn runs_of(a: Windows, kh: i32, kw: i32, taps: i32) -> Runs {
  let h = a.h + kh * params.dilation_h;
  let w = a.w + kw * params.dilation_w;
  let first = clamp(-w, vec4i(), vec4i(taps));
  let last = clamp(params.w - w, first, vec4i(taps));
  let inside = (a.n < vec4i(params.n)) & (h >= vec4i()) & (h < vec4i(params.h));
  let start = ((a.n * params.h + h) * params.w + w) * params.ci4;
  return Runs(start, first * params.ci4, select(vec4i(), (last - first) * params.ci4, inside));
}

// Undilated taps of one row lie one after another in the images: all of them are one run. Else each is one.
fn taps_of_run() -> i32 {
  return select(1, params.kw, params.dilation_w == 1);
}
