"use strict";
/* The page: files or a recording -> raw inputs -> the network -> class, steps and evidence. */
const Page = (() => {
  const facts = JSON.parse(document.getElementById("facts").textContent);
  const $ = (id) => document.getElementById(id);
  const sessions = new Map();
  const empty = { inputs: {}, problems: [] };
  let clip = empty;

  /** Bytes of an embedded file. */
  async function embedded(id) {
    const packed = Uint8Array.from(atob($(id).textContent.trim()), (c) => c.charCodeAt(0));
    return new Uint8Array(await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
  }

  const ready = (async () => {
    const loader = new Blob([await embedded("runtime-mjs")], { type: "text/javascript" });
    ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(loader) };
    ort.env.wasm.wasmBinary = await embedded("runtime-wasm");
    ort.env.wasm.numThreads = 1;
    await session(facts.modalities.join("+"));
  })();

  /** The network for a set of modalities: each set has its own, because an absent modality is not zeros. */
  async function session(set) {
    if (!sessions.has(set)) sessions.set(set, ort.InferenceSession.create(await embedded(`model-${facts.sets.indexOf(set)}`)));
    return sessions.get(set);
  }

  /** Outputs for raw inputs {modality: {data, shape}}: logits, and by step the logits and the evidence of each modality. */
  async function classify(inputs) {
    await ready;
    const given = facts.modalities.filter((m) => inputs[m]);
    const tensors = Object.fromEntries(given.map((m) => {
      const { data, shape } = inputs[m];
      return [m, new ort.Tensor("float32", data, shape.length === 3 ? [1, ...shape] : [shape[0], 1, ...shape.slice(1)])];
    }));
    const outputs = await (await session(given.join("+"))).run(tensors);
    const rows = (x) => Array.from({ length: x.dims[0] }, (_, t) => [...x.data.subarray(t * facts.classes.length, (t + 1) * facts.classes.length)]);
    const evidence = given.filter((m) => outputs[`evidence.${m}`]).map((m) => [m, rows(outputs[`evidence.${m}`])]);
    return { logits: [...outputs.logits.data], steps: rows(outputs.step_logits), evidence: Object.fromEntries(evidence) };
  }

  const softmax = (logits) => {
    const top = Math.max(...logits), e = logits.map((x) => Math.exp(x - top)), sum = e.reduce((a, b) => a + b, 0);
    return e.map((x) => x / sum);
  };
  const mean = (rows) => rows[0].map((_, k) => rows.reduce((sum, row) => sum + row[k], 0) / rows.length);

  /** Samples of a sound or video at the rate of the network: the mean of the channels. The browser decodes at the rate that
      the file states, because its own resampling is another one than that of the training. */
  async function samples(file, rate) {
    const bytes = await file.arrayBuffer(), own = Rates.stated(new Uint8Array(bytes));
    const decoded = own >= 8000 && own <= 96000 ? own : rate; // what every browser can
    const sound = await new OfflineAudioContext(1, 1, decoded).decodeAudioData(bytes)
      .catch(() => { throw new Error("this browser finds no sound that it can decode"); });
    const out = new Float32Array(sound.length);
    for (let c = 0; c < sound.numberOfChannels; c++) sound.getChannelData(c).forEach((x, i) => { out[i] += x / sound.numberOfChannels; });
    return decoded === rate ? out : Rates.resampled(out, decoded, rate);
  }

  function pixels(image, width, height) {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  }

  /** Pictures of an image, an animation or a video at the moments that the network was trained on. */
  async function frames(file, s) {
    if (file.type.startsWith("video/")) return videoFrames(file, s);
    if (typeof ImageDecoder !== "undefined" && await ImageDecoder.isTypeSupported(file.type)) return animationFrames(file, s);
    const image = await createImageBitmap(file, { colorSpaceConversion: "none" });
    return stacked([Signal.levels(pixels(image, image.width, image.height), image.height, image.width, s)], s);
  }

  async function animationFrames(file, s) {
    const decoder = new ImageDecoder({ data: await file.arrayBuffer(), type: file.type, colorSpaceConversion: "none" });
    await Promise.all([decoder.tracks.ready, decoder.completed]);
    const shown = [];
    for (let i = 0, at = 0; i < decoder.tracks.selectedTrack.frameCount; i++) {
      const { image } = await decoder.decode({ frameIndex: i });
      shown.push({ at, levels: Signal.levels(pixels(image, image.displayWidth, image.displayHeight), image.displayHeight, image.displayWidth, s) });
      at += (image.duration ?? 0) / 1e6;
      shown.end = at;
      image.close();
    }
    return stacked(Signal.moments(s, shown.end).map((t) => shown.findLast((frame) => frame.at <= t + 1e-6).levels), s);
  }

  async function videoFrames(file, s) {
    const video = Object.assign(document.createElement("video"), { muted: true, src: URL.createObjectURL(file), preload: "auto" });
    const found = [];
    try {
      await Promise.all([once(video, "loadeddata", UNSEEN), presented(video)]);
      if (!video.videoWidth) throw new Error(UNSEEN); // it plays the sound alone
      for (const t of Signal.moments(s, video.duration)) {
        const next = presented(video);
        video.currentTime = Math.min(t, Math.max(video.duration - 1e-3, 0));
        await Promise.all([once(video, "seeked", UNSEEN), next]);
        found.push(Signal.levels(pixels(video, video.videoWidth, video.videoHeight), video.videoHeight, video.videoWidth, s));
      }
    } finally {
      URL.revokeObjectURL(video.src);
    }
    return stacked(found, s);
  }

  const UNSEEN = "this browser finds no video that it can decode; convert it to H.264 or VP9";

  const once = (target, event, problem) => new Promise((resolve, reject) => {
    target.addEventListener(event, resolve, { once: true });
    target.addEventListener("error", () => reject(new Error(problem)), { once: true });
  });

  /** The next frame of a video can be drawn; a seek may end before, or need none. */
  const presented = (video) => new Promise((resolve) => {
    video.requestVideoFrameCallback?.(resolve);
    setTimeout(resolve, video.requestVideoFrameCallback ? 2000 : 0);
  });

  /** Pictures as one input; a single one is shown at all steps. */
  function stacked(found, s) {
    const steps = s.steps ?? 1, shape = [s.channels, ...s.size];
    const all = Array.from({ length: steps }, (_, t) => found[Math.min(t, found.length - 1)]);
    const data = new Float32Array(steps * all[0].length);
    all.forEach((frame, t) => data.set(frame, t * frame.length));
    return { data, shape: s.steps === null ? shape : [steps, ...shape] };
  }

  const sound = (wave, s) => Signal.spectrogram(Signal.waveform(wave, s), s);

  /** Raw inputs of the files of one clip, and a sentence for each file that gives a modality nothing. */
  async function read(files) {
    const inputs = {}, problems = [];
    for (const file of files) {
      if (file.name.endsWith(".npy")) {
        const m = facts.modalities.find((name) => file.name.endsWith(`${name}.npy`));
        if (!m) throw new Error(`${file.name}: name the file after its modality, such as clip.${facts.modalities[0]}.npy`);
        inputs[m] = Signal.npy(await file.arrayBuffer());
        continue;
      }
      const fits = { sound: /^(audio|video)\//, frames: /^(image|video)\// };
      const wanted = facts.modalities.filter((m) => fits[facts.reading[m].kind]?.test(file.type));
      if (!wanted.length) throw new Error(`${file.name}: no modality of this network is read from such a file`);
      for (const m of wanted) {
        const s = facts.reading[m];
        try {
          inputs[m] = s.kind === "sound" ? sound(await samples(file, s.sample_rate_hz), s) : await frames(file, s);
        } catch (error) { // the other files, or the sound of this one, may still answer
          problems.push(`${file.name} cannot be read as ${m}: ${error.message.replace(/\.$/, "")}.`);
        }
      }
    }
    if (!Object.keys(inputs).length) throw new Error(problems.join(" ") || "no file was chosen");
    for (const [m, { shape }] of Object.entries(inputs))
      if (String(shape) !== String(facts.shapes[m])) throw new Error(`${m} has the shape ${shape}; the network takes ${facts.shapes[m]}`);
    return { inputs, problems };
  }

  /** A clip of camera and microphone. */
  async function record() {
    const of = (kind) => facts.modalities.filter((m) => facts.reading[m].kind === kind);
    const [heard, seen] = [of("sound"), of("frames")];
    const stream = await navigator.mediaDevices.getUserMedia({ audio: heard.length > 0, video: seen.length > 0 });
    const inputs = {};
    try {
      const seconds = facts.seconds;
      say(`Recording ${seconds} s.`);
      const recorded = heard.length ? recordedSound(new MediaStream(stream.getAudioTracks()), seconds) : null;
      for (const m of seen) inputs[m] = await cameraFrames(stream, facts.reading[m], seconds);
      if (recorded) {
        const file = await recorded;
        for (const m of heard) inputs[m] = sound(await samples(file, facts.reading[m].sample_rate_hz), facts.reading[m]);
      }
    } finally {
      stream.getTracks().forEach((track) => track.stop());
    }
    return { inputs, problems: [] };
  }

  async function recordedSound(stream, seconds) {
    const recorder = new MediaRecorder(stream), parts = [];
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    recorder.start();
    setTimeout(() => recorder.stop(), 1000 * seconds);
    await once(recorder, "stop", "this browser cannot record sound");
    return new Blob(parts);
  }

  async function cameraFrames(stream, s, seconds) {
    const video = Object.assign(document.createElement("video"), { muted: true, srcObject: stream });
    await video.play();
    const found = [], start = performance.now();
    for (const t of Signal.moments(s, seconds)) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, start + 1000 * t - performance.now())));
      found.push(Signal.levels(pixels(video, video.videoWidth, video.videoHeight), video.videoHeight, video.videoWidth, s));
    }
    return stacked(found, s);
  }

  const say = (text, problem = false) => { $("status").textContent = text; $("status").classList.toggle("problem", problem); };

  function element(name, text = "", properties = {}) {
    return Object.assign(document.createElement(name), { textContent: text, ...properties });
  }

  function bar(name, value, most, text) {
    const row = element("div", "", { className: "bar" }), track = element("span", "", { className: "track" }), fill = element("i");
    const part = 100 * Math.min(Math.abs(value) / (most || 1), 1);
    fill.style.cssText = `left: 0; width: ${part}%`;
    fill.classList.toggle("against", value < 0);
    track.append(fill);
    row.append(element("span", name), track, element("span", text));
    return row;
  }

  const percent = (x) => `${(100 * x).toFixed(1)} %`;

  /** Classify the clip with the modalities that are switched on, and show the answer. */
  async function show() {
    const { inputs, problems } = clip, used = facts.modalities.filter((m) => inputs[m] && $(`use-${m}`).checked);
    const chosen = Object.fromEntries(used.map((m) => [m, inputs[m]]));
    for (const m of facts.modalities) $(`use-${m}`).parentElement.classList.toggle("absent", !inputs[m]);
    $("result").hidden = !used.length;
    if ($("result").hidden) return;
    const start = performance.now(), answer = await classify(chosen);
    const shares = softmax(answer.logits), winner = shares.indexOf(Math.max(...shares));
    say([`Answered in ${Math.round(performance.now() - start)} ms from ${used.join(" and ")}.`, ...problems].join(" "), problems.length > 0);
    $("class").textContent = facts.classes[winner];
    $("share").textContent = percent(shares[winner]);
    const order = shares.map((_, k) => k).sort((a, b) => shares[b] - shares[a]).slice(0, 12);
    $("classes").replaceChildren(...order.map((k) => bar(facts.classes[k], shares[k], 1, percent(shares[k]))));
    showEvidence(answer, winner);
    showSteps(answer, order.slice(0, 6));
    $("inputs").replaceChildren(...Object.entries(chosen).map(([m, x]) => picture(m, x)));
  }

  function showEvidence(answer, winner) {
    const found = Object.entries(answer.evidence).map(([m, rows]) => {
      const all = mean(rows);
      return [m, all[winner] - all.reduce((a, b) => a + b, 0) / all.length];
    });
    const most = Math.max(...found.map(([, x]) => Math.abs(x)), 1e-9);
    const bars = found.map(([m, x]) => bar(m, x, most, `${x < 0 ? "" : "+"}${x.toFixed(2)}`));
    $("evidence").replaceChildren(...(bars.length ? bars : [element("p", "This fusion mixes the modalities: there are no shares.")]));
  }

  function showSteps(answer, order) {
    const head = element("tr"), cells = answer.steps.map((_, t) => softmax(mean(answer.steps.slice(0, t + 1))));
    head.append(element("th", "class"), ...cells.map((_, t) => element("th", String(t + 1))));
    const rows = order.map((k) => {
      const row = element("tr");
      row.append(element("th", facts.classes[k]), ...cells.map((shares) => {
        const cell = element("td", percent(shares[k]));
        cell.style.setProperty("--share", shares[k]);
        return cell;
      }));
      return row;
    });
    $("steps").replaceChildren(head, ...rows);
  }

  /** The first channel of an input, step by step; the lowest frequency and the first row of a picture as a reader expects. */
  function picture(m, { data, shape }) {
    const box = element("div"), [channels, height, width] = shape.slice(-3), steps = Math.min(shape.length === 4 ? shape[0] : 1, 8);
    let low = Infinity, high = -Infinity;
    for (const x of data) { low = Math.min(low, x); high = Math.max(high, x); }
    box.append(element("p", m));
    for (let t = 0; t < steps; t++) {
      const canvas = element("canvas", "", { width, height }), context = canvas.getContext("2d"), image = context.createImageData(width, height);
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const row = facts.reading[m].kind === "sound" ? height - 1 - y : y;
          const grey = 255 * (data[(t * channels * height + row) * width + x] - low) / (high - low || 1);
          image.data.set([grey, grey, grey, 255], 4 * (y * width + x));
        }
      context.putImageData(image, 0, 0);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${m}, step ${t + 1}`);
      box.append(canvas);
    }
    return box;
  }

  async function take(source) {
    try {
      clip = await source;
      for (const m of facts.modalities) $(`use-${m}`).checked = Boolean(clip.inputs[m]);
      await show();
    } catch (error) { // the answer that is shown would be that of another clip
      clip = empty;
      await show();
      say(error.message, true);
    }
  }

  for (const m of facts.modalities) {
    const label = element("label"), box = element("input", "", { type: "checkbox", id: `use-${m}`, checked: true });
    box.addEventListener("change", () => { if (!clip.inputs[m]) box.checked = false; show(); });
    label.append(box, m);
    $("modalities").append(label);
  }
  $("kinds").textContent = facts.files;
  $("files").addEventListener("change", (event) => take(read([...event.target.files])));
  $("drop").addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
  $("drop").addEventListener("dragleave", () => $("drop").classList.remove("over"));
  $("drop").addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    take(read([...event.dataTransfer.files]));
  });
  $("record").hidden = !(navigator.mediaDevices && facts.modalities.every((m) => facts.reading[m].kind !== "array"));
  $("record").addEventListener("click", async () => {
    $("record").disabled = true;
    await take(record());
    $("record").disabled = false;
  });
  ready.then(() => say("The network is ready."), (error) => say(`The network does not start: ${error.message}`, true));
  return { read, classify, take, ready };
})();
