// Element-wise steps on x: [rows, columns], rows being samples of `sample` rows each, plain: one invocation computes four
// elements that follow each other, each with operands of its own.
#import index
#import nan
#import special
#import steps

const WG_SIZE: u32 = 64u;

struct Params { vectors: u32, columns: u32, sample: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> operand_0: array<f32>;
@group(0) @binding(2) var<storage, read> operand_1: array<f32>;
@group(0) @binding(3) var<storage, read> operand_2: array<f32>;
@group(0) @binding(4) var<storage, read> operand_3: array<f32>;
@group(0) @binding(5) var<storage, read> operand_4: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(7) var<uniform> params: Params;

// Samples, rows of them and columns of the four elements.
struct Places { sample: vec4u, row: vec4u, column: vec4u }

fn places(i: u32) -> Places {
  let element = 4u * i + vec4u(0u, 1u, 2u, 3u);
  let row = element / params.columns;
  let sample = row / params.sample;
  return Places(sample, row - sample * params.sample, element - row * params.columns);
}

// Numbers of an operand's elements.
fn numbers(form: u32, at: Places) -> vec4u {
  var i = vec4u();
  if ((form & 4u) != 0u) { i = at.sample; }
  if ((form & 2u) != 0u) { i = i * params.sample + at.row; }
  if ((form & 1u) != 0u) { i = i * params.columns + at.column; }
  return i;
}

fn load_operands(at: Places) -> Operands {
  let i = numbers(FORM_0, at);
  let j = numbers(FORM_1, at);
  let k = numbers(FORM_2, at);
  let l = numbers(FORM_3, at);
  let m = numbers(FORM_4, at);
  return Operands(
    vec4f(operand_0[i.x], operand_0[i.y], operand_0[i.z], operand_0[i.w]),
    vec4f(operand_1[j.x], operand_1[j.y], operand_1[j.z], operand_1[j.w]),
    vec4f(operand_2[k.x], operand_2[k.y], operand_2[k.z], operand_2[k.w]),
    vec4f(operand_3[l.x], operand_3[l.y], operand_3[l.z], operand_3[l.w]),
    vec4f(operand_4[m.x], operand_4[m.y], operand_4[m.z], operand_4[m.w]),
  );
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i < params.vectors) { y[i] = run_steps(x[i], load_operands(places(i))); }
}
