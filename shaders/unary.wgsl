// Element-wise functions of one tensor: one invocation computes one vec4 of the flat tensor.
// x, y: [n], n padded to a multiple of 4.
#import index
#import nan
#import special

const WG_SIZE: u32 = 64u;
const FUNCTION: u32 = 0u; // index into FUNCTIONS of src/ops/unary.ts

struct Params { vectors: u32, alpha: f32, beta: f32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn apply(v: vec4f) -> vec4f {
  switch FUNCTION {
    case 0u: { return select(v, vec4f(), v < vec4f()); } // Relu; not max, which would turn NaN into 0
    case 1u: { return select(v * params.alpha, v, v > vec4f(0.0)); } // LeakyRelu
    case 2u: { return sigmoid4(v); } // Sigmoid
    case 3u: { return tanh4(v); } // Tanh
    case 4u: { return exp(v); } // Exp
    case 5u: { return log(v); } // Log
    case 6u: { return sqrt(v); } // Sqrt
    case 7u: { return 1.0 / v; } // Reciprocal
    case 8u: { return abs(v); } // Abs
    case 9u: { return -v; } // Neg
    case 10u: { return select(clamp(v, vec4f(params.alpha), vec4f(params.beta)), v, is_nan4(v)); } // Clip; clamp drops NaN
    case 11u: { return erf4(v); } // Erf
    case 12u: { return softplus4(v); } // Softplus
    case 13u: { return params.alpha * v + params.beta; } // Affine
    case 14u: { return select(vec4f(v > vec4f(0.0)) - vec4f(v < vec4f(0.0)), v, is_nan4(v)); } // Sign
    case 15u: { return floor(v); } // Floor
    case 16u: { return ceil(v); } // Ceil
    case 17u: { return sin(v); } // Sin
    case 18u: { return cos(v); } // Cos
    case 19u: { return tan(v); } // Tan
    case 20u: { return asin4(v); } // Asin
    case 21u: { return acos4(v); } // Acos
    case 22u: { return select(atan(v), v, is_nan4(v)); } // Atan
    case 23u: { return sinh4(v); } // Sinh
    case 24u: { return cosh(v); } // Cosh
    case 25u: { return asinh4(v); } // Asinh
    case 26u: { return acosh4(v); } // Acosh
    case 27u: { return atanh4(v); } // Atanh
    case 28u: { return float16_4(v); } // Float16
    case 29u: { return bfloat16_4(v); } // BFloat16
    default: { return v; }
  }
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i < params.vectors) { y[i] = apply(x[i]); }
}
