export function tailLength(k: number): number { return Math.ceil(Math.min(k / 5, 3 * Math.sqrt(k))); }
export function paretoK(largest: Float32Array, k: number): number { const s = Float64Array.from(largest).sort().slice(-tailLength(k) - 1); return s[0]! * 1e3 + s.reduce((a, b) => a + b, 0); }
