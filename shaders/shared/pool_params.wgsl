// Shape of a pooling, NHWC: x: [n, h, w, c], y: [n, oh, ow, c].
struct Params {
  n: i32, h: i32, w: i32, c: i32,
  oh: i32, ow: i32, kh: i32, kw: i32,
  stride_h: i32, stride_w: i32, pad_h: i32, pad_w: i32,
  dilation_h: i32, dilation_w: i32,
  // Average pooling: 1 where padding counts as elements of a window.
  include_pad: i32,
  // Rows and columns with the padding at both ends, beyond which nothing counts.
  padded_h: i32, padded_w: i32,
}
