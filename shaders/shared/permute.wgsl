// A pseudo-random permutation of range(samples); src/generators/random.ts has its twin.

// The last mixing steps of MurmurHash3.
fn mix_word(word: u32) -> u32 {
  var h = word;
  h = (h ^ (h >> 16u)) * 0x85EBCA6Bu;
  h = (h ^ (h >> 13u)) * 0xC2B2AE35u;
  return h ^ (h >> 16u);
}

// Where the permutation of these keys puts `index`: a Feistel cipher of 8 rounds over the next power of 4,
// 2^(2 half_bits) >= samples, walked along until it comes back below `samples` (Black and Rogaway 2002).
fn permute(index: u32, samples: u32, half_bits: u32, keys: vec4u) -> u32 {
  let mask = (1u << half_bits) - 1u;
  var x = index;
  loop {
    var left = x >> half_bits;
    var right = x & mask;
    for (var round = 0u; round < 8u; round++) {
      let next = left ^ (mix_word(right + keys[round & 3u] + round * 0x9E3779B9u) & mask);
      left = right;
      right = next;
    }
    x = (left << half_bits) | right;
    if (x < samples) { break; }
  }
  return x;
}
