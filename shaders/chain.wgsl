// Element-wise steps on x: [rows, 4 * vectors], rows being rows of `sample` rows each. One invocation computes one vec4 of
// columns of up to ROWS rows, so that operands which are the same in all of them load once.
#import index
#import nan
#import special
#import steps

const WG_SIZE: u32 = 64u;
const ROWS: u32 = 8u;
// Whether an operand is the same in all rows of an invocation.
const FIXED_0: bool = true;
const FIXED_1: bool = true;
const FIXED_2: bool = true;
const FIXED_3: bool = true;
const FIXED_4: bool = true;

struct Params { rows: u32, vectors: u32, sample: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> operand_0: array<vec4f>;
@group(0) @binding(2) var<storage, read> operand_1: array<vec4f>;
@group(0) @binding(3) var<storage, read> operand_2: array<vec4f>;
@group(0) @binding(4) var<storage, read> operand_3: array<vec4f>;
@group(0) @binding(5) var<storage, read> operand_4: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(7) var<uniform> params: Params;

struct Place { sample: u32, row: u32, column: u32 }

// Number of an operand's vec4, or of its element where it has one for all columns.
fn number(form: u32, at: Place) -> u32 {
  var i = 0u;
  if ((form & 4u) != 0u) { i = at.sample; }
  if ((form & 2u) != 0u) { i = i * params.sample + at.row; }
  if ((form & 1u) != 0u) { i = i * params.vectors + at.column; }
  return i;
}

fn load_0(at: Place) -> vec4f {
  let i = number(FORM_0, at);
  if ((FORM_0 & 1u) != 0u) { return operand_0[i]; }
  return vec4f(operand_0[i >> 2u][i & 3u]);
}

fn load_1(at: Place) -> vec4f {
  let i = number(FORM_1, at);
  if ((FORM_1 & 1u) != 0u) { return operand_1[i]; }
  return vec4f(operand_1[i >> 2u][i & 3u]);
}

fn load_2(at: Place) -> vec4f {
  let i = number(FORM_2, at);
  if ((FORM_2 & 1u) != 0u) { return operand_2[i]; }
  return vec4f(operand_2[i >> 2u][i & 3u]);
}

fn load_3(at: Place) -> vec4f {
  let i = number(FORM_3, at);
  if ((FORM_3 & 1u) != 0u) { return operand_3[i]; }
  return vec4f(operand_3[i >> 2u][i & 3u]);
}

fn load_4(at: Place) -> vec4f {
  let i = number(FORM_4, at);
  if ((FORM_4 & 1u) != 0u) { return operand_4[i]; }
  return vec4f(operand_4[i >> 2u][i & 3u]);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = flat_index(global_id, workgroups, WG_SIZE);
  let column = id % params.vectors;
  let first = id / params.vectors * ROWS;
  if (first >= params.rows) { return; }
  let sample = first / params.sample;
  var at = Place(sample, first - sample * params.sample, column);
  var o = Operands(load_0(at), load_1(at), load_2(at), load_3(at), load_4(at));
  let end = min(first + ROWS, params.rows);
  for (var row = first; row < end; row++) {
    if (!FIXED_0) { o.o0 = load_0(at); }
    if (!FIXED_1) { o.o1 = load_1(at); }
    if (!FIXED_2) { o.o2 = load_2(at); }
    if (!FIXED_3) { o.o3 = load_3(at); }
    if (!FIXED_4) { o.o4 = load_4(at); }
    let i = row * params.vectors + column;
    y[i] = run_steps(x[i], o);
    at.row++;
    if (at.row == params.sample) { at = Place(at.sample + 1u, 0u, column); }
  }
}
