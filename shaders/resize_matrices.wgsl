// Copies a batch of matrices [batch, rows, columns] to [batch, to_rows, to_columns]: what is new is zero, what lies
// outside is cut. One invocation computes one vec4 of the result, whose size is a multiple of 4 (its buffer is padded).
#import index

const WG_SIZE: u32 = 64u;

struct Params { vectors: u32, rows: u32, columns: u32, to_rows: u32, to_columns: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn value(i: u32) -> f32 {
  let column = i % params.to_columns;
  let row = i / params.to_columns % params.to_rows;
  let batch = i / (params.to_columns * params.to_rows);
  if (column < params.columns && row < params.rows) {
    return f32(x[(batch * params.rows + row) * params.columns + column]);
  }
  return 0.0;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i < params.vectors) {
    y[i] = vec4f(value(4u * i), value(4u * i + 1u), value(4u * i + 2u), value(4u * i + 3u));
  }
}
