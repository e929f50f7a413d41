/**
 * Counter-based random numbers on the host: the twin of the GPU's threefry kernel, bit for bit.
 *   bits    = Threefry2x32-20(counter, key)                       (Salmon et al. 2011), two u32 words per block
 *   uniform = ((bits >> 8) + 1) · 2⁻²⁴                            in (0, 1], exact in float32
 *   normal  = √(−2 ln u₀)·cos 2πu₁, √(−2 ln u₀)·sin 2πu₁          (Box & Muller 1958) of the two words of one block
 * Element e of a sequence is word e mod 2 of block ⌊e/2⌋, whose counter is [⌊e/2⌋, row].
 */

/** Two u32 words. */
export type Words = readonly [number, number];

const PARITY = 0x1bd11bda;
const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** One block of Threefry2x32 with 20 rounds; every word in and out is an unsigned 32-bit integer. */
export function threefry2x32(counter: Words, key: Words): [number, number] {
  // The three key words in the order in which the next injection takes them.
  let a = key[1] | 0;
  let b = key[0] ^ key[1] ^ PARITY;
  let c = key[0] | 0;
  let x0 = (counter[0] + c) | 0;
  let x1 = (counter[1] + a) | 0;
  for (let round = 0; round < 20; round++) {
    const rotation = ROTATIONS[round & 7] as number;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << rotation) | (x1 >>> (32 - rotation))) ^ x0;
    if ((round & 3) === 3) {
      x0 = (x0 + a) | 0;
      x1 = (x1 + b + (round + 1) / 4) | 0;
      const first = a;
      a = b;
      b = c;
      c = first;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** The uniform in (0, 1] of one u32 word: 24 bits, exact in float32. */
export function uniformOfBits(bits: number): number {
  return ((bits >>> 8) + 1) * 2 ** -24;
}

/** Two independent standard normals (float64) of two uniforms in (0, 1]. */
export function normalsOfUniforms(u0: number, u1: number): [number, number] {
  const radius = u0 < 1 ? Math.sqrt(-2 * Math.log(u0)) : 0;
  return [radius * Math.cos(2 * Math.PI * u1), radius * Math.sin(2 * Math.PI * u1)];
}

/**
 * `count` uniforms in (0, 1].
 * @param row second word of every counter: rows of one key are independent sequences. Default 0.
 */
export function threefryUniforms(count: number, key: Words, row = 0): Float32Array<ArrayBuffer> {
  const uniforms = new Float32Array(count);
  for (let element = 0; element < count; element += 2) {
    const words = threefry2x32([element >>> 1, row], key);
    uniforms[element] = uniformOfBits(words[0]);
    if (element + 1 < count) uniforms[element + 1] = uniformOfBits(words[1]);
  }
  return uniforms;
}

/** `count` standard normals in float64; `row` as for the uniforms. */
export function threefryNormals(count: number, key: Words, row = 0): Float64Array<ArrayBuffer> {
  const normals = new Float64Array(count);
  for (let element = 0; element < count; element += 2) {
    const words = threefry2x32([element >>> 1, row], key);
    const [first, second] = normalsOfUniforms(uniformOfBits(words[0]), uniformOfBits(words[1]));
    normals[element] = first;
    if (element + 1 < count) normals[element + 1] = second;
  }
  return normals;
}

/** The uniforms of one sequence, drawn one by one: for code that cannot say beforehand how many it needs. */
export function threefryStream(key: Words, row = 0): () => number {
  let block = 0;
  let held: number | undefined;
  return () => {
    if (held !== undefined) {
      const uniform = held;
      held = undefined;
      return uniform;
    }
    const words = threefry2x32([block++, row], key);
    held = uniformOfBits(words[1]);
    return uniformOfBits(words[0]);
  };
}
