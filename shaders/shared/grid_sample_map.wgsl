// Where a sample of a grid reads its volume, in one dimension; an image is a volume of depth 1.
const MODE: u32 = 1u; // 0 nearest, 1 linear, 2 cubic
const PADDING: u32 = 0u; // 0 zeros, 1 border, 2 reflection
const ALIGN: bool = false;

struct Params { n: i32, d: i32, h: i32, w: i32, c: i32, od: i32, oh: i32, ow: i32, axes: i32 }

// A place on an axis, and how fast it moves with the grid's value (0 where it is held at the border).
struct Place { at: f32, slope: f32 }

// `at` reflected between low and high, as often as needed, and whether its direction is turned.
fn reflected(place: Place, low: f32, high: f32) -> Place {
  let span = high - low;
  if (span <= 0.0) { return Place(0.0, 0.0); }
  let from_low = abs(place.at - low);
  let turns = floor(from_low / span);
  let extra = from_low - turns * span;
  let odd = fract(turns * 0.5) != 0.0;
  let sign = select(1.0, -1.0, place.at < low) * select(1.0, -1.0, odd);
  return Place(select(low + extra, high - extra, odd), place.slope * sign);
}

fn held(place: Place, size: i32) -> Place {
  let last = f32(size - 1);
  let outside = place.at <= 0.0 || place.at >= last;
  return Place(clamp(place.at, 0.0, last), select(place.slope, 0.0, outside));
}

// The place of a grid value in [-1, 1].
fn place_of(value: f32, size: i32) -> Place {
  let s = f32(size);
  var place = Place(((value + 1.0) * s - 1.0) * 0.5, s * 0.5);
  if (ALIGN) { place = Place((value + 1.0) * 0.5 * (s - 1.0), (s - 1.0) * 0.5); }
  if (PADDING == 2u && ALIGN) { place = reflected(place, 0.0, s - 1.0); }
  if (PADDING == 2u && !ALIGN) { place = reflected(place, -0.5, s - 0.5); }
  if (PADDING != 0u && MODE != 2u) { place = held(place, size); }
  return place;
}

fn taps() -> i32 {
  return select(select(4, 2, MODE == 1u), 1, MODE == 0u);
}

// The first element that a place reads.
fn first_of(at: f32) -> i32 {
  if (MODE == 0u) { return i32(round(at)); } // halves to the even one
  return i32(floor(at)) - select(0, 1, MODE == 2u);
}

// The element that stands for element i, or -1 for none.
fn bounded(i: i32, size: i32) -> i32 {
  if (PADDING == 0u) { return select(-1, i, i >= 0 && i < size); }
  if (PADDING == 1u) { return clamp(i, 0, size - 1); }
  let low = select(-0.5, 0.0, ALIGN);
  let place = reflected(Place(f32(i), 1.0), low, f32(size - 1) - low);
  return clamp(i32(round(place.at)), 0, size - 1);
}

// Keys' cubic kernel with slope -0.75 at 1, and its derivative, at a signed distance below 2.
fn cubic(x: f32) -> f32 {
  let d = abs(x);
  if (d <= 1.0) { return (1.25 * d - 2.25) * d * d + 1.0; }
  return ((-0.75 * d + 3.75) * d - 6.0) * d + 3.0;
}

fn cubic_slope(x: f32) -> f32 {
  let d = abs(x);
  return sign(x) * select((-2.25 * d + 7.5) * d - 6.0, (3.75 * d - 4.5) * d, d <= 1.0);
}

// What element i weighs at a place, and how that changes with the place.
fn weight_of(at: f32, i: i32) -> f32 {
  if (MODE == 0u) { return 1.0; }
  let distance = at - f32(i);
  if (MODE == 1u) { return 1.0 - abs(distance); }
  return cubic(distance);
}

fn weight_slope(at: f32, i: i32) -> f32 {
  if (MODE == 0u) { return 0.0; }
  if (MODE == 1u) { return select(-1.0, 1.0, f32(i) > at); }
  return cubic_slope(at - f32(i));
}
