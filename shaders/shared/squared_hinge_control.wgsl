// What is kept of each problem between ticks of squared_hinge.ts: 16 values a row.
const CONTROL_SIZE: u32 = 16u;
const PHASE: u32 = 0u;
const RHO: u32 = 1u;      // squared norm of the residual
const ALPHA: u32 = 2u;    // how far this tick went along the direction
const LIMIT: u32 = 3u;    // RHO at which the conjugate gradients end
const FRESH: u32 = 4u;    // 1 where this tick took the gradient at new weights
const WEIGHT_STEP: u32 = 5u; // w . s
const STEP_STEP: u32 = 6u;   // s . s
const INNER: u32 = 7u;    // conjugate gradients of this Newton step
const FIRST: u32 = 8u;    // squared norm of the first gradient
const OUTER: u32 = 9u;    // Newton steps
const MOVE: u32 = 10u;    // how far the line search went along s
const ERROR: u32 = 11u;   // estimate of the relative error of w
const SHORT: u32 = 12u;   // last Newton steps in a row that were shorter than the tolerance

// Values of PHASE: the next tick takes the gradient, or a conjugate gradient; the step waits for its line search; done.
const GRADIENT: f32 = 0.0;
const CONJUGATE: f32 = 1.0;
const LINE: f32 = 2.0;
const DONE: f32 = 3.0;
