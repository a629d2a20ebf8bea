"use strict";
/* Sound, images and arrays to the raw inputs of the network. Pure functions: node tests them against Python. */
const Signal = (() => {
  const FLOOR = 1e-7;
  const LUMA = [0.299, 0.587, 0.114];
  const NUMBERS = { f4: Float32Array, f8: Float64Array, u1: Uint8Array, i1: Int8Array, i2: Int16Array, u2: Uint16Array,
    i4: Int32Array, u4: Uint32Array, b1: Uint8Array };

  /** Samples of a clip as the spectrogram takes them: of one length if it is given, at most full scale. */
  function waveform(samples, s) {
    const length = s.duration_s === null ? samples.length : Math.round(s.duration_s * s.sample_rate_hz);
    const out = new Float32Array(length);
    const stored = (x) => (s.whole_levels ? rint(x * 32767) / 32767 : x);
    for (let i = 0; i < Math.min(length, samples.length); i++) out[i] = stored(Math.min(1, Math.max(-1, samples[i])));
    return out;
  }

  /** Log spectrograms of the consecutive parts of a clip: {data, shape: [parts, 1, H, W], or [1, H, W]}. */
  function spectrogram(samples, s) {
    const parts = s.steps ?? 1;
    const length = Math.max(Math.ceil(samples.length / parts), s.n_fft);
    const [height, width] = s.size;
    const data = new Float32Array(parts * height * width);
    for (let p = 0; p < parts; p++) {
      const part = samples.subarray(Math.min(p * length, samples.length), Math.min((p + 1) * length, samples.length));
      const spectrum = logSpectrum(part, length, s);
      data.set(resize(spectrum.data, 1, spectrum.height, spectrum.width, s.size), p * height * width);
    }
    return { data, shape: s.steps === null ? [1, height, width] : [parts, 1, height, width] };
  }

  /** log(|STFT| + 1e-7), or log(mel power + 1e-7): frequency rises along H, time along W; silence on both sides. */
  function logSpectrum(samples, length, s) {
    const bins = Math.floor(s.n_fft / 2) + 1;
    const windows = 1 + Math.floor(length / s.hop);
    const wave = Array.from({ length: s.n_fft }, (_, i) => 2 * Math.PI * i / s.n_fft);
    const hann = wave.map((x) => 0.5 - 0.5 * Math.cos(x));
    const cos = Float64Array.from(wave, Math.cos);
    const sin = Float64Array.from(wave, Math.sin);
    const magnitudes = new Float64Array(bins * windows);
    const frame = new Float64Array(s.n_fft);
    for (let w = 0; w < windows; w++) {
      const start = w * s.hop - Math.floor(s.n_fft / 2);
      for (let i = 0; i < s.n_fft; i++) frame[i] = (samples[start + i] ?? 0) * hann[i];
      for (let k = 0; k < bins; k++) {
        let real = 0, imaginary = 0;
        for (let i = 0, turn = 0; i < s.n_fft; i++, turn = (turn + k) % s.n_fft) {
          real += frame[i] * cos[turn];
          imaginary -= frame[i] * sin[turn];
        }
        magnitudes[k * windows + w] = Math.hypot(real, imaginary);
      }
    }
    if (s.filters === null) return { data: Float32Array.from(magnitudes, (x) => Math.log(x + FLOOR)), height: bins, width: windows };
    const data = new Float32Array(s.filters.length * windows);
    s.filters.forEach((filter, m) => {
      for (let w = 0; w < windows; w++) {
        let power = 0;
        for (let k = 0; k < bins; k++) power += filter[k] * magnitudes[k * windows + w] ** 2;
        data[m * windows + w] = Math.log(power + FLOOR);
      }
    });
    return { data, height: s.filters.length, width: windows };
  }

  /** Bilinear resizing with antialiasing of (channels, height, width), as PyTorch's `interpolate(antialias=True)`. */
  function resize(data, channels, height, width, [rows, columns]) {
    const wide = along(data, channels * height, width, columns, 1);
    return Float32Array.from(along(wide, channels, height, rows, columns));
  }

  /** Resize the middle axis of (outer, from, inner) to `to`. */
  function along(data, outer, from, to, inner) {
    if (from === to) return data;
    const scale = from / to, spread = Math.max(scale, 1);
    const out = new Float64Array(outer * to * inner);
    for (let i = 0; i < to; i++) {
      const centre = scale * (i + 0.5);
      const first = Math.max(Math.trunc(centre - spread + 0.5), 0);
      const last = Math.min(Math.trunc(centre + spread + 0.5), from);
      const weights = [];
      for (let j = first; j < last; j++) weights.push(Math.max(0, 1 - Math.abs((j - centre + 0.5) / spread)));
      const total = weights.reduce((a, b) => a + b, 0);
      for (let o = 0; o < outer; o++)
        for (let n = 0; n < inner; n++) {
          let sum = 0;
          weights.forEach((weight, j) => { sum += weight * data[(o * from + first + j) * inner + n]; });
          out[(o * to + i) * inner + n] = sum / total;
        }
    }
    return out;
  }

  /** A picture of red, green, blue, alpha bytes as whole levels (channels, H, W). */
  function levels(rgba, height, width, s) {
    const planes = new Float32Array(3 * height * width);
    for (let i = 0; i < height * width; i++)
      for (let c = 0; c < 3; c++) planes[c * height * width + i] = rgba[4 * i + c];
    const [rows, columns] = s.size, area = rows * columns;
    const resized = resize(planes, 3, height, width, s.size);
    const clipped = (x) => Math.min(255, Math.max(0, rint(x)));
    if (s.channels === 3) return resized.map(clipped);
    return Float32Array.from({ length: area }, (_, i) => clipped(LUMA.reduce((sum, l, c) => sum + l * resized[c * area + i], 0)));
  }

  /** Seconds of a clip at which its pictures are taken. */
  function moments(s, seconds) {
    const count = s.steps ?? 1;
    const used = s.duration_s === null ? seconds : Math.min(seconds, s.duration_s);
    return Array.from({ length: count }, (_, k) => (s.rate_hz ? k / s.rate_hz : (k + 0.5) * used / count));
  }

  /** The nearest whole number; of two, the even one. */
  function rint(x) {
    const low = Math.floor(x), rest = x - low;
    return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
  }

  /** An array of a .npy file as {data, shape}. */
  function npy(buffer) {
    const bytes = new Uint8Array(buffer), view = new DataView(buffer);
    if (String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY") throw new Error("this is not a .npy file");
    const begin = bytes[6] === 1 ? 10 : 12;
    const end = begin + (bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
    const header = new TextDecoder().decode(bytes.subarray(begin, end));
    const type = /'descr': '[<|=]([fuib]\d)'/.exec(header)?.[1];
    if (!NUMBERS[type] || header.includes("'fortran_order': True")) throw new Error("save the array with numpy.save as float32, in C order");
    const shape = /'shape': \(([^)]*)\)/.exec(header)[1].split(",").filter((n) => n.trim()).map(Number);
    return { data: Float32Array.from(new NUMBERS[type](buffer.slice(end))), shape };
  }

  return { waveform, spectrogram, resize, levels, moments, rint, npy };
})();
if (typeof module !== "undefined") module.exports = Signal;
