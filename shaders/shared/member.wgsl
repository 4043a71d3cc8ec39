// Which of up to 8 tensors, whose elements follow one another, an invocation works on, and on which element of it.
struct Member { tensor: u32, i: u32 }

// ends: for each tensor the number of elements (or vec4, or channels) of it and of those before it; the last one's where
// there are fewer than 8.
fn member_of(index: u32, ends: array<vec4u, 2>) -> Member {
  var tensor = 0u;
  var first = 0u;
  for (var k = 0u; k < 7u; k++) {
    let end = ends[k >> 2u][k & 3u];
    if (index >= end) {
      tensor = k + 1u;
      first = end;
    }
  }
  return Member(tensor, index - first);
}
