// Up to 8 element-wise steps on a value: v becomes function(v, operand) by each in turn. Functions and the slots of their
// operands are constants, so that a compiler leaves out what a chain does not have.
const FUNCTION_0: u32 = 255u; // index into FUNCTIONS of src/ops/steps.ts
const FUNCTION_1: u32 = 255u;
const FUNCTION_2: u32 = 255u;
const FUNCTION_3: u32 = 255u;
const FUNCTION_4: u32 = 255u;
const FUNCTION_5: u32 = 255u;
const FUNCTION_6: u32 = 255u;
const FUNCTION_7: u32 = 255u;
const SLOT_0: u32 = 0u;
const SLOT_1: u32 = 0u;
const SLOT_2: u32 = 0u;
const SLOT_3: u32 = 0u;
const SLOT_4: u32 = 0u;
const SLOT_5: u32 = 0u;
const SLOT_6: u32 = 0u;
const SLOT_7: u32 = 0u;
const ALPHA_0: f32 = 0.0;
const ALPHA_1: f32 = 0.0;
const ALPHA_2: f32 = 0.0;
const ALPHA_3: f32 = 0.0;
const ALPHA_4: f32 = 0.0;
const ALPHA_5: f32 = 0.0;
const ALPHA_6: f32 = 0.0;
const ALPHA_7: f32 = 0.0;
const BETA_0: f32 = 0.0;
const BETA_1: f32 = 0.0;
const BETA_2: f32 = 0.0;
const BETA_3: f32 = 0.0;
const BETA_4: f32 = 0.0;
const BETA_5: f32 = 0.0;
const BETA_6: f32 = 0.0;
const BETA_7: f32 = 0.0;

// Of an operand, which of sample, row of the sample and column tell its values apart: 4, 2 and 1, added up.
const FORM_0: u32 = 0u;
const FORM_1: u32 = 0u;
const FORM_2: u32 = 0u;
const FORM_3: u32 = 0u;
const FORM_4: u32 = 0u;

struct Operands { o0: vec4f, o1: vec4f, o2: vec4f, o3: vec4f, o4: vec4f }

fn in_slot(o: Operands, slot: u32) -> vec4f {
  switch slot {
    case 0u: { return o.o0; }
    case 1u: { return o.o1; }
    case 2u: { return o.o2; }
    case 3u: { return o.o3; }
    default: { return o.o4; }
  }
}

// NaN is passed on by each, which WGSL's own max, min and clamp would drop.
fn step(function: u32, v: vec4f, o: vec4f, alpha: f32, beta: f32) -> vec4f {
  switch function {
    case 0u: { return v + o; } // Add
    case 1u: { return v - o; } // Sub
    case 2u: { return v * o; } // Mul
    case 3u: { return v / o; } // Div
    case 4u: { return o - v; } // SubFrom
    case 5u: { return o / v; } // DivInto
    case 6u: { return select(o, v, (v > o) | is_nan4(v)); } // Max
    case 7u: { return select(o, v, (v < o) | is_nan4(v)); } // Min
    case 8u: { return select(v * o, v, v >= vec4f()); } // PRelu
    case 9u: { return select(v, vec4f(), v < vec4f()); } // Relu
    case 10u: { return select(v * alpha, v, v > vec4f()); } // LeakyRelu
    case 11u: { return select(v, vec4f(alpha), v < vec4f(alpha)); } // AtLeast
    case 12u: { return select(v, vec4f(alpha), v > vec4f(alpha)); } // AtMost
    case 13u: { return alpha * v + beta; } // Affine
    case 14u: { return -v; } // Neg
    case 15u: { return abs(v); } // Abs
    case 16u: { return 1.0 / v; } // Reciprocal
    case 17u: { return sqrt(v); } // Sqrt
    case 18u: { return exp(v); } // Exp
    case 19u: { return log(v); } // Log
    case 20u: { return sigmoid4(v); } // Sigmoid
    case 21u: { return tanh4(v); } // Tanh
    default: { return v; }
  }
}

fn run_steps(value: vec4f, o: Operands) -> vec4f {
  var v = step(FUNCTION_0, value, in_slot(o, SLOT_0), ALPHA_0, BETA_0);
  v = step(FUNCTION_1, v, in_slot(o, SLOT_1), ALPHA_1, BETA_1);
  v = step(FUNCTION_2, v, in_slot(o, SLOT_2), ALPHA_2, BETA_2);
  v = step(FUNCTION_3, v, in_slot(o, SLOT_3), ALPHA_3, BETA_3);
  v = step(FUNCTION_4, v, in_slot(o, SLOT_4), ALPHA_4, BETA_4);
  v = step(FUNCTION_5, v, in_slot(o, SLOT_5), ALPHA_5, BETA_5);
  v = step(FUNCTION_6, v, in_slot(o, SLOT_6), ALPHA_6, BETA_6);
  return step(FUNCTION_7, v, in_slot(o, SLOT_7), ALPHA_7, BETA_7);
}
