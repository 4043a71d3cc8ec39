// Tensors [rows, c] read as texture twins: vec4 i of a tensor is texel (i % 4096, i / 4096).
fn texel_at(i: u32) -> vec2u {
  return vec2u(i & 4095u, i >> 12u);
}
