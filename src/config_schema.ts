// The settings of a run: every key, its type and its default value.
import { z } from "zod";
import { WALKS } from "./generators/walks.ts";

const count = z.int().min(1);
const positive = z.number().gt(0);
const atLeastZero = z.number().min(0);
const text = z.string().min(1);
/** Cut of a normal draw in units of its std; null is a plain normal. */
const truncation = positive.nullable().default(2.0);

/** 1e-7 to 1e2 in tenfold steps and 1/16 to 1/2^19 in halves: GenRep's transfer_classification. */
const VOC07_COSTS = [
  ...Array.from({ length: 10 }, (_, i) => Number(`1e${i - 7}`)),
  ...Array.from({ length: 16 }, (_, i) => 0.5 ** (i + 4)),
];

const generator = z.strictObject({
  /** An ONNX file, or a model card (YAML). */
  model: text.default("models/fashion-mnist/generator.onnx"),
  latent: z.strictObject({
    truncation,
    /** Equal chunks of a hierarchical latent, for `views.latent`; null: its rows, where it has several. */
    chunks: count.nullable().default(null),
  }).prefault({}),
  /**
   * Images of a step that the generator makes at a time, which bounds its activations; null: all. What a generator draws by
   * itself, such as noise, depends on it.
   */
  batch: count.nullable().default(null),
  /** Classes of a conditional generator: drawn, one for all, or drawn from a list. */
  labels: z.union([z.literal("random"), z.int().min(0), z.array(z.int().min(0)).min(1)], {
    error: "must be random, a class number or a list of class numbers",
  }).default("random"),
});

const views = z.strictObject({
  latent: z.strictObject({
    kind: z.enum(["none", "gaussian", "steered", "independent"]).default("gaussian"),
    /** Gaussian: std of the offset from the anchor's latent; a list has one for each chunk of the latent. */
    std: z.union([atLeastZero, z.array(atLeastZero).min(1)], {
      error: "must be a number of at least 0, or a list of them, one a chunk,",
    }).default(0.2),
    truncation,
    /** Chunks of the latent that a view changes, counted from 0; null: all. See `generator.latent.chunks`. */
    chunks: z.array(z.int().min(0)).min(1).nullable().default(null),
    /** Size of the pool of neighbours an anchor's view is drawn from. */
    neighbors: count.default(1),
    /**
     * Views of each anchor in a step, different ones of the pool. More than 1 makes simclr StableRep's multi-positive
     * loss: all images of an anchor are positives of each other.
     */
    images: count.default(1),
    /** Steered: the safetensors file of walks that `steer` learned. */
    walks: text.nullable().default(null),
    /**
     * Steered: what the coefficients of the 3-D rotation are multiplied by. The paper draws them as in training (1); the
     * authors' code multiplies them by 5.
     */
    rot3d_factor: z.number().default(1),
  }).prefault({}),
  pixel: z.enum(["simclr", "none"]).default("simclr"),
});

const data = z.strictObject({
  /**
   * Where samples come from: the generator inside the step; a folder of images, or of folders of classes; IDX files;
   * shards that `sample --shards` wrote.
   */
  kind: z.enum(["generator", "folder", "idx", "shards"]).default("generator"),
  /** Generator: number of different samples, null never repeats one. Else the images that are used, null for all. */
  samples: count.nullable().default(null),
  path: text.nullable().default(null),
  /** Folder: side of the squares that images are brought to before the pixel views; null: 8/7 of encoder.input. */
  size: z.int().min(8).nullable().default(null),
  shuffle: z.boolean().default(true),
  /** Replaces `ratio` of each step's samples with images from `path` (folder, IDX or shards), in the generator's size. */
  mix: z.strictObject({ path: text, ratio: z.number().min(0).max(1) }).nullable().default(null),
});

const encoder = z.strictObject({
  arch: z.enum(["resnet18", "resnet34", "resnet50"]).default("resnet50"),
  stem: z.enum(["imagenet", "cifar"]).default("imagenet"),
  /** Side of the square crop that the encoder sees. */
  input: z.int().min(8).default(112),
  weights: text.nullable().default(null),
  /** Channels of the first stage; 64 is the standard network. */
  width: count.default(64),
  /**
   * What training does not keep for the backward pass but computes again there (gradient checkpointing). norms: what batch
   * norms give, for half of the memory and a pass over each; blocks: all inside of a residual block, for a sixth of it and
   * a second forward pass. Gradients stay the same.
   */
  recompute: z.enum(["none", "norms", "blocks"]).default("none"),
});

const objective = z.strictObject({
  /**
   * simclr; supcon and classifier, which need a generator with classes; inverter, which finds the latent (and the class).
   * The last two see the anchors alone, the inverter as centre crops whatever `views` says. Off the paper's path:
   * moco (v2: a queue and a momentum encoder), byol, vicreg, barlow_twins.
   */
  kind: z.enum(["simclr", "supcon", "inverter", "classifier", "moco", "byol", "vicreg", "barlow_twins"])
    .default("simclr"),
  /** Of simclr, supcon and moco, whose own default is 0.2. */
  temperature: positive.default(0.1),
  /** The loss of simclr and supcon is scaled by temperature / base_temperature, as in the authors' code. */
  base_temperature: positive.default(0.07),
  /** Moco: keys in the queue, a multiple of the batch. */
  queue: count.default(65536),
  /**
   * Moco and byol: the share of the target network that a step keeps; null is 0.999 for moco and 0.996 for byol, which
   * lets it rise to 1 along a cosine.
   */
  ema: z.number().min(0).max(1).nullable().default(null),
  /** Byol, vicreg and barlow_twins: hidden units of the heads; null is the authors' 4096, 8192 and 8192. */
  hidden: count.nullable().default(null),
  /** Byol, vicreg and barlow_twins: length of a projection; null is the authors' 256, 8192 and 8192. */
  projection: count.nullable().default(null),
});

const optimizer = z.strictObject({
  kind: z.enum(["sgd"]).default("sgd"),
  lr: positive.default(0.03),
  momentum: z.number().min(0).lt(1).default(0.9),
  weight_decay: atLeastZero.default(1e-4),
  schedule: z.enum(["cosine", "step", "constant"]).default("cosine"),
  warmup_epochs: z.int().min(0).default(0),
  /** Step: the epochs at which the rate falls. */
  decay_epochs: z.array(count).default([120, 160]),
  /** Step: the factor of a fall; cosine: its cube is the floor. */
  decay_rate: positive.max(1).default(0.1),
});

const steer = z.strictObject({
  /** Walks that are learned, all together. */
  walks: z.array(z.enum(WALKS)).min(1).default([...WALKS]),
  /** 160,000 samples, as in the authors' code. */
  steps: count.default(5000),
  batch: count.default(32),
  /** Rate of Adam. */
  lr: positive.default(1e-3),
  /** Std of the walks' first values. */
  std: atLeastZero.default(0.1),
  /**
   * Targets and masks. paper: exact zooms and rotations, masks of what any warp lost. code: as in the authors' code zooms
   * in whole pixels, rotations that shrink a little, and masks of the zoom and shift alone, so that what the rotations
   * lost is a middle gray.
   */
  rule: z.enum(["paper", "code"]).default("paper"),
});

const probe = z.strictObject({
  data: z.strictObject({
    kind: z.enum(["idx", "folder", "cars"]).default("folder"),
    /** The data set's folder, in which the two splits are found by their usual names; cars: as it was published. */
    path: text.nullable().default(null),
    /** Folder of classes, or IDX images file, of one split where its name is unusual. */
    train: text.nullable().default(null),
    test: text.nullable().default(null),
    /** imagenet100 (CMC's list), or a file of class folders' names, one a line: the others are left aside. */
    classes: text.nullable().default(null),
    /** Whether a file that cannot be used ends the run; otherwise such files are left out and named. */
    strict: z.boolean().default(false),
  }).prefault({}),
  epochs: count.default(60),
  /** Training images of the linear protocol: cut anew each epoch as in the paper, or their centres' features once. */
  crops: z.enum(["random", "center"]).default("random"),
  /** Seeds that probes are repeated with, for a confidence interval; null: the run's own seed, once. */
  seeds: z.array(z.int().min(0).max(0xffffffff)).min(1).nullable().default(null),
  /** Whether features are shifted and scaled by the training set's mean and std first; the paper does not. */
  standardize: z.boolean().default(false),
  /** The paper's rate for encoders trained on generated images. */
  lr: positive.default(2),
  /** Rates among which the quick probes choose. */
  rates: z.array(positive).min(1).default([0.02, 0.06, 0.2, 0.6, 2]),
  batch: count.default(256),
  momentum: z.number().min(0).lt(1).default(0.9),
  weight_decay: atLeastZero.default(0),
  /** Nearest neighbours that vote, and the temperature of their votes (Wu et al. 2018; 20 as in later work, not 200). */
  knn: z.strictObject({ k: count.default(20), temperature: positive.default(0.07) }).prefault({}),
  /** Classification of VOC2007. */
  voc07: z.strictObject({
    /** A devkit's folder, VOC2007 itself, or a folder of JPEGImages and Annotations without lists. */
    path: text.nullable().default(null),
    /** Side of the centre crop; the shorter side of an image becomes this long too. */
    size: z.int().min(8).default(224),
    /** Lists of ImageSets/Main. The authors' code fits on train and tests on val instead. */
    train: text.default("trainval"),
    test: text.default("test"),
    /**
     * An image in which all objects of a class are difficult: left out for that class as by VOC's rules, or a positive
     * as in the authors' code.
     */
    difficult: z.enum(["exclude", "positive"]).default("exclude"),
    /** Costs that the cross-validation tries; the authors' 26 by default. */
    costs: z.array(positive).min(1).default(VOC07_COSTS),
  }).prefault({}),
  /** Stanford Cars, as published or as class folders; what is not here is as in the linear probe. */
  cars: z.strictObject({ path: text.nullable().default(null), epochs: count.default(100) }).prefault({}),
  /** Shares of the labels that the few-shot protocol trains on. */
  labels: z.array(positive.max(1)).min(1).default([0.01, 0.1]),
});

const watch = z.strictObject({
  /**
   * Steps between two looks at what the encoder learns, beside its loss; null: none. A look measures alignment,
   * uniformity and effective rank of the step's embeddings, and nearest neighbours among labelled images.
   */
  every: count.nullable().default(null),
  /**
   * Labelled images of probe.data's training split, the same number of each class: half of them vote, the other half
   * are asked about; probe.knn says how. 0, or no such data: no nearest neighbours.
   */
  images: z.int().min(0).default(1000),
});

const split = z.string().regex(/^(2007|2012)\/\S+$/, { error: "must be YEAR/LIST, as 2007/trainval" });
/** Sides whose feature maps have no fractions of a place. */
const side = z.int().min(32).multipleOf(16);
const proposals = (before: number, after: number) =>
  z.strictObject({ before: count.default(before), after: count.default(after) }).prefault({});

/** Faster R-CNN R50-C4 on VOC, all layers fine-tuned: the schedule of the paper, else detectron2's values. */
const detection = z.strictObject({
  data: z.strictObject({
    /** A VOCdevkit folder, the folder that holds it, or one year's; set by --data. */
    path: text.nullable().default(null),
    /** Splits as YEAR/LIST; where the folder has no lists, all its images are both splits. */
    train: z.array(split).min(1).default(["2007/trainval", "2012/trainval"]),
    test: z.array(split).min(1).default(["2007/test"]),
  }).prefault({}),
  steps: count.default(24_000),
  batch: count.default(8),
  lr: positive.default(0.02),
  momentum: z.number().min(0).lt(1).default(0.9),
  /** Not of batch norms. */
  weight_decay: atLeastZero.default(1e-4),
  /** Steps at which the rate falls to a tenth. */
  decay_steps: z.array(count).default([18_000, 22_000]),
  /** Steps in which the rate rises from a thousandth to itself. */
  warmup_steps: z.int().min(0).default(100),
  /** Shorter sides in training; a step draws one for all its images. */
  sizes: z.array(side).min(1).default([480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800]),
  test_size: side.default(800),
  /** Longer over shorter side of the canvases: an image lies in the first that holds it, else it is made smaller. */
  aspects: z.array(z.number().min(1)).min(1).default([4 / 3, 5 / 3]),
  flip: z.boolean().default(true),
  anchors: z.strictObject({
    sizes: z.array(positive).min(1).default([32, 64, 128, 256, 512]),
    ratios: z.array(positive).min(1).default([0.5, 1, 2]),
  }).prefault({}),
  /** Region proposals: anchors of an image in the loss, and boxes before and after suppression. */
  rpn: z.strictObject({
    batch: count.default(256),
    train: proposals(12_000, 2_000),
    test: proposals(6_000, 1_000),
  }).prefault({}),
  /** Regions of an image in the loss, and bins of a region along each axis. */
  roi: z.strictObject({ batch: count.default(512), resolution: count.default(14) }).prefault({}),
  /** Where |x| begins in the smooth L1 losses of boxes; 0 is plain L1. */
  smooth_l1: atLeastZero.default(0),
  /** Batches that batch norm's statistics are averaged over before the test; 0 keeps the running ones. */
  precise_bn: z.int().min(0).default(200),
  /** Detections: the least score, and how many an image has at most. */
  score: z.number().min(0).max(1).default(0.05),
  detections: count.default(100),
  /** Test images that are drawn with their detections. */
  pictures: z.int().min(0).default(24),
});

/** The whole configuration; parsing `{}` gives the defaults. */
export const schema = z.strictObject({
  seed: z.int().min(0).max(0xffffffff).default(0),
  generator: generator.prefault({}),
  views: views.prefault({}),
  data: data.prefault({}),
  encoder: encoder.prefault({}),
  objective: objective.prefault({}),
  optimizer: optimizer.prefault({}),
  /**
   * What convolutions and linear layers of `train` read and keep for the backward pass. f16: operands of half precision,
   * sums and all else in f32, with dynamic loss scaling; less memory, and an adapter with shader-f16.
   */
  precision: z.enum(["f32", "f16"]).default("f32"),
  /** Anchors a step; a contrastive objective's encoder sees twice as many images. */
  batch: z.int().min(2).default(256),
  /** Length of the run: epochs or steps, the other one is null. */
  epochs: count.nullable().default(null),
  steps: count.nullable().default(null),
  /** Steps between two lines of metrics. */
  log: z.strictObject({ every: count.default(10) }).prefault({}),
  /** Steps between two checkpoints; the last step always writes one. */
  checkpoint: z.strictObject({ every: count.default(1000) }).prefault({}),
  watch: watch.prefault({}),
  probe: probe.prefault({}),
  detection: detection.prefault({}),
  /** How `steer` learns walks. */
  steer: steer.prefault({}),
});

/** Epochs of a run whose configuration names neither epochs nor steps. */
export const DEFAULT_EPOCHS = 20;

/** An epoch of a generator that never repeats a sample: the paper's 1300 for 1000 classes. */
export const ENDLESS_EPOCH = 1_300_000;
