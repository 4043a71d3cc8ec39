// Winograd's F(4 x 4, 3 x 3): y = A^T [ (G w G^T) * (B^T x B) ] A for each 4 x 4 tile of the result (Lavin and Gray 2016).
// The points are 0, +-sqrt(1/2), +-sqrt(2) and infinity: in f32 their error is half that of the usual 0, +-1, +-2.
//   B^T: [1, 0, -5/2, 0, 1, 0], [0, -+s, -2, +-r, 1, 0], [0, -+r, -1/2, +-s, 1, 0], [0, 1, 0, -5/2, 0, 1]
//   G:   [1, 0, 0], -2/3 [1, +-r, 1/2], 1/6 [1, +-s, 2], [0, 0, 1]
//   A^T: rows of powers 0 to 3 of the points                               with r = sqrt(1/2), s = sqrt(2)
const R: f32 = 0.7071067811865476;
const S: f32 = 1.4142135623730951;

struct Three { v0: vec4f, v1: vec4f, v2: vec4f }
struct Four { v0: vec4f, v1: vec4f, v2: vec4f, v3: vec4f }
struct Six { v0: vec4f, v1: vec4f, v2: vec4f, v3: vec4f, v4: vec4f, v5: vec4f }

// B^T x.
fn input_points(x: Six) -> Six {
  let even = x.v4 - 2.0 * x.v2;
  let odd = R * x.v3 - S * x.v1;
  let even2 = x.v4 - 0.5 * x.v2;
  let odd2 = S * x.v3 - R * x.v1;
  return Six(
    x.v0 + x.v4 - 2.5 * x.v2,
    even + odd,
    even - odd,
    even2 + odd2,
    even2 - odd2,
    x.v1 + x.v5 - 2.5 * x.v3,
  );
}

// G w.
fn weight_points(w: Three) -> Six {
  let even = w.v0 + 0.5 * w.v2;
  let even2 = w.v0 + 2.0 * w.v2;
  return Six(
    w.v0,
    (even + R * w.v1) * (-2.0 / 3.0),
    (even - R * w.v1) * (-2.0 / 3.0),
    (even2 + S * w.v1) / 6.0,
    (even2 - S * w.v1) / 6.0,
    w.v2,
  );
}

// G^T u.
fn weight_points_transposed(u: Six) -> Three {
  let near = (u.v1 + u.v2) * (-2.0 / 3.0);
  let far = (u.v3 + u.v4) / 6.0;
  return Three(
    u.v0 + near + far,
    R * (u.v1 - u.v2) * (-2.0 / 3.0) + S * (u.v3 - u.v4) / 6.0,
    0.5 * near + 2.0 * far + u.v5,
  );
}

// A^T m.
fn output_points(m: Six) -> Four {
  let near = m.v1 + m.v2;
  let far = m.v3 + m.v4;
  let near_odd = R * (m.v1 - m.v2);
  let far_odd = S * (m.v3 - m.v4);
  return Four(m.v0 + near + far, near_odd + far_odd, 0.5 * near + 2.0 * far, 0.5 * near_odd + 2.0 * far_odd + m.v5);
}

// A y.
fn output_points_transposed(y: Four) -> Six {
  let even = y.v0 + 0.5 * y.v2;
  let odd = R * y.v1 + 0.5 * R * y.v3;
  let even2 = y.v0 + 2.0 * y.v2;
  let odd2 = S * y.v1 + 2.0 * S * y.v3;
  return Six(y.v0, even + odd, even - odd, even2 + odd2, even2 - odd2, y.v3);
}
