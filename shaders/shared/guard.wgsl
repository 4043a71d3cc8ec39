// Updates happen only while the run is healthy: no earlier step and not this one gave a loss that is not finite.
// A finite f32 has an exponent field below 255; comparisons with NaN may be optimised away, bits may not.
fn healthy(health: u32, loss: f32) -> bool {
  return health == 0u && (bitcast<u32>(loss) & 0x7f800000u) != 0x7f800000u;
}
