// The charts: a set for a runner, another for a callback.

const kinds = {
  runner: [
    { title: "Asked for and ended, a second", unit: "/s", series: ["asked", "success", "failed", "rejected"] },
    { title: "Waiting, by kind of place", unit: "", series: ["queued", "reserved", "held", "paused"] },
    { title: "Workers", unit: "", series: ["busy", "stuck"], limit: "workers" },
    { title: "Response delay", unit: "s", series: ["delay50", "delay99"] },
    { title: "Queue wait", unit: "s", series: ["wait50", "wait99"] },
    { title: "Run time", unit: "s", series: ["run50", "run99"] },
  ],
  callback: [
    { title: "Asked for and ended, a second", unit: "/s", series: ["asked", "success", "failed"] },
    { title: "Running", unit: "", series: ["running", "stuck"] },
    { title: "Run time against the timeout", unit: "s", series: ["run50", "run99"], limit: "timeout_seconds" },
  ],
};

// looks are the names and the colors of series; each color is a property of the style.
const looks = {
  asked: ["asked for", "--c1"], success: ["success", "--c2"], failed: ["failed", "--c3"], rejected: ["rejected", "--c4"],
  queued: ["queued", "--c1"], reserved: ["reserved", "--c2"], held: ["held", "--c4"], paused: ["paused", "--c5"],
  busy: ["busy", "--c1"], running: ["running", "--c1"], stuck: ["hang", "--c3"],
  delay50: ["p50", "--c2"], delay99: ["p99", "--c1"], wait50: ["p50", "--c2"], wait99: ["p99", "--c1"], run50: ["p50", "--c2"], run99: ["p99", "--c1"],
};

const height = 150;

export class Charts {
  constructor(container) {
    this.container = container;
    this.plots = [];
    this.load();
    new ResizeObserver(() => this.resize()).observe(container);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  async load() {
    const response = await fetch(this.container.dataset.series);
    if (!response.ok) return;
    this.data = await response.json();
    this.container.hidden = false;
    this.draw();
  }

  // add appends a point, and forgets those that are out of range.
  add(point) {
    if (!point || !this.data) return;
    const { columns, range_seconds: range, step_seconds: step } = this.data;
    const times = columns[0];
    if (times.length && point[0] - times[times.length - 1] < step * 0.9) return;
    columns.forEach((column, i) => column.push(point[i] ?? null));
    while (times.length > 2 && times[0] < point[0] - range) columns.forEach(column => column.shift());
    this.plots.forEach(({ plot, rows }) => plot.setData(rows()));
    this.describe();
  }

  draw() {
    if (!this.data) return;
    this.plots.forEach(({ plot }) => plot.destroy());
    this.container.replaceChildren();
    this.plots = kinds[this.container.dataset.kind].map(kind => this.plot(kind));
    this.describe();
  }

  plot(kind) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = kind.title;
    const text = document.createElement("p");
    text.className = "sr";
    figure.append(caption, text);
    this.container.append(figure);
    const style = getComputedStyle(this.container);
    const color = name => style.getPropertyValue(name).trim();
    const index = kind.series.map(name => this.data.names.indexOf(name));
    const limit = kind.limit ? this.data[kind.limit] : 0;
    const rows = () => {
      const data = [this.data.columns[0], ...index.map(i => this.data.columns[i])];
      if (limit) data.push(this.data.columns[0].map(() => limit));
      return data;
    };
    // Without a cursor the legend has the last values.
    const values = (u, v, i, at) => {
      const shown = at === null || at === undefined ? u.data?.[i]?.at(-1) : v;
      return shown === null || shown === undefined ? "–" : words(shown, kind.unit);
    };
    const series = kind.series.map(name => ({
      label: looks[name][0], stroke: color(looks[name][1]), width: 1.5, points: { show: false }, value: values, spanGaps: false,
    }));
    if (limit) series.push({ label: kind.limit === "workers" ? "workers" : "timeout", stroke: color("--faint"), width: 1, dash: [4, 4], points: { show: false }, value: values });
    const axis = { stroke: color("--muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const plot = new window.uPlot({
      width: this.width(figure), height,
      series: [{ value: (_, v) => (v === null ? "–" : new Date(v * 1000).toLocaleTimeString([], { hour12: false })) }, ...series],
      axes: [{ ...axis, size: 26, space: 72, values: (_, all) => all.map(t => clock(t, all.length > 1 && all[1] - all[0] < 60)) }, { ...axis, size: 52, values: (_, all) => all.map(v => words(v, kind.unit)) }],
      scales: { y: { range: (_, low, high) => [0, Math.max(high || 0, kind.unit === "s" ? 0.001 : 1) * 1.08] } },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: "afterglow" } },
      legend: { live: true },
      padding: [null, 32, null, null], // half of the last time
    }, rows(), figure);
    return { plot, rows, figure, text, kind, index };
  }

  // describe says the last values in words, for those who do not see the lines.
  describe() {
    this.container.dataset.points = this.data.columns[0].length;
    for (const { text, kind, index } of this.plots) {
      text.textContent = kind.series.map((name, i) => {
        const column = this.data.columns[index[i]];
        const v = column[column.length - 1];
        return looks[name][0] + " " + (v === null || v === undefined ? "none" : words(v, kind.unit));
      }).join(", ");
    }
  }

  width(figure) {
    return Math.max(200, figure.clientWidth - 2);
  }

  resize() {
    this.plots.forEach(({ plot, figure }) => {
      const width = this.width(figure);
      if (Math.abs(width - plot.width) > 1) plot.setSize({ width, height });
    });
  }
}

function clock(seconds, fine) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: fine ? "2-digit" : undefined, hour12: false });
}

function words(v, unit) {
  if (unit === "s") {
    if (v === 0) return "0";
    if (v < 0.001) return trim(v * 1e6) + " µs";
    if (v < 1) return trim(v * 1e3) + " ms";
    return trim(v) + " s";
  }
  if (v >= 10000) return trim(v / 1000) + "k" + unit;
  return trim(v) + unit;
}

function trim(v) {
  return v >= 9.95 || Number.isInteger(v) ? String(Math.round(v)) : v.toFixed(1);
}
