"use strict";
/* Sample rates: which one a file states, and sound of one rate at another. Pure functions: node tests them against Python. */
const Rates = (() => {
  const ZEROS = 16, ROLL_OFF = 0.97, BETA = 9;
  const MP3_HZ = [44100, 48000, 32000];

  /** Sound at another rate, with the filter of Python's resampler: a sinc under a Kaiser window, mirrored at both ends. */
  function resampled(samples, from, to) {
    const common = divisor(from, to), up = to / common, down = from / common, count = samples.length;
    const cut = Math.min((ROLL_OFF * to) / from, 1), taps = 2 * Math.ceil(ZEROS / cut), before = taps / 2 - 1;
    const raw = (phase) => Float64Array.from({ length: taps }, (_, i) => kernel(i - before - phase / up, cut, taps));
    const sum = raw(0).reduce((a, b) => a + b, 0), filters = new Map();
    const out = new Float32Array(Math.ceil((count * up) / down));
    for (let n = 0; n < out.length; n++) {
      const phase = (n * down) % up, first = Math.floor((n * down) / up) - before;
      if (!filters.has(phase)) filters.set(phase, raw(phase));
      const filter = filters.get(phase);
      let total = 0;
      for (let i = 0; i < taps; i++) total += filter[i] * samples[mirrored(first + i, count)];
      out[n] = total / sum;
    }
    return out;
  }

  /** The value of the filter at a distance in samples. */
  function kernel(distance, cut, taps) {
    const x = Math.PI * distance * cut, inside = Math.max(1 - ((2 * distance) / taps) ** 2, 0);
    return (x === 0 ? 1 : Math.sin(x) / x) * bessel(BETA * Math.sqrt(inside));
  }

  /** The modified Bessel function of order 0. */
  function bessel(x) {
    let term = 1, sum = 1;
    for (let k = 1; term > 1e-17 * sum; k++) sum += term *= (x / (2 * k)) ** 2;
    return sum;
  }

  /** The place of a sample before the start or behind the end; the first one is the mirror, the last one comes twice. */
  function mirrored(i, count) {
    const inside = i < 0 ? -i : i < count ? i : 2 * count - 1 - i;
    return Math.min(Math.max(inside, 0), count - 1);
  }

  const divisor = (a, b) => (b ? divisor(b, a % b) : a);

  /** The sample rate in Hz that a file states: wav, flac, ogg, webm, mp4 or mp3; null where none is found. */
  function stated(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const has = (mark, at) => [...mark].every((c, i) => bytes[at + i] === c.charCodeAt(0));
    const find = (mark, from = 0) => {
      const first = mark.charCodeAt(0);
      for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) if (has(mark, at)) return at;
      return -1;
    };
    if (has("RIFF", 0)) return view.getUint32(find("fmt ") + 12, true);
    if (has("fLaC", 0)) return (bytes[18] << 12) | (bytes[19] << 4) | (bytes[20] >> 4);
    if (has("OggS", 0)) return find("OpusHead") >= 0 ? 48000 : find("\x01vorbis") < 0 ? null : view.getUint32(find("\x01vorbis") + 12, true);
    if (has("\x1a\x45\xdf\xa3", 0)) return find("A_OPUS") >= 0 ? 48000 : ofWebm(view, find("\x16\x54\xae\x6b"));
    if (has("ftyp", 4)) return ofMp4(view, find);
    return ofMp3(bytes);
  }

  const plausible = (hz) => Number.isInteger(hz) && hz >= 1000 && hz <= 1e6;

  /** The first SamplingFrequency in the description of the tracks. */
  function ofWebm(view, tracks) {
    for (let at = Math.max(tracks, 0); at + 10 <= view.byteLength; at++) {
      if (view.getUint8(at) !== 0xb5) continue;
      const size = view.getUint8(at + 1) & 0x7f;
      const hz = size === 8 ? view.getFloat64(at + 2) : size === 4 ? view.getFloat32(at + 2) : 0;
      if (plausible(hz)) return hz;
    }
    return null;
  }

  /** The rate in the description of an AAC track. */
  function ofMp4(view, find) {
    for (let at = find("mp4a"); at >= 0 && at + 32 <= view.byteLength; at = find("mp4a", at + 1))
      if (plausible(view.getUint32(at + 28) / 65536)) return view.getUint32(at + 28) / 65536;
    return null;
  }

  /** The rate in the header of the first frame, behind the tags. */
  function ofMp3(bytes) {
    const tagged = bytes[0] === 0x49 && bytes[1] === 0x44 && bytes[2] === 0x33;
    const tags = tagged ? 10 + ((bytes[6] << 21) | (bytes[7] << 14) | (bytes[8] << 7) | bytes[9]) : 0;
    for (let at = tags; at + 2 < bytes.length && at < tags + 4096; at++) {
      const version = (bytes[at + 1] >> 3) & 3, place = (bytes[at + 2] >> 2) & 3;
      if (bytes[at] === 0xff && bytes[at + 1] >> 5 === 7 && version !== 1 && place < 3)
        return MP3_HZ[place] / [4, 1, 2, 1][version];
    }
    return null;
  }

  return { resampled, stated };
})();
if (typeof module !== "undefined") module.exports = Rates;
