// ---- CAM: what speaks for a class, at every branch of every module ----

const THUMB = 84; // px of a map in the grid

function createCam(app) {
  const classes = app.net.labels.map((label) => [label, label]);
  const target = createSelect(app, "target", ["Class", []]);
  const contrast = createSelect(app, "contrast", ["rather than", [["", "anything else"], ...classes]]);
  const controls = [target, contrast, createSelect(app, "method"), createSelect(app, "after")];
  const grid = make("div", { class: "hv-cams" });
  const large = createMapView(app, { wide: true });
  const words = make("p", { class: "hv-note" });
  const node = make("div", {},
    createControls(...controls), make("div", { class: "hv-split" }, make("figure", {}, grid, words), large.node));
  const lane = app.lane();
  let cams = null;
  let buttons = [];

  function draw(changed) {
    if (changed.has("photo")) target.offer([["", `the top class (${app.photo.best})`], ...classes]);
    controls.forEach((control) => control.draw());
    if (has(changed, "photo", "target", "contrast", "method")) lane(load);
    else if (cams) {
      if (has(changed, "after", "overlay")) arrange();
      show();
    }
  }

  async function load() {
    const { photo, target: wanted, contrast: other, method } = app.state;
    const { meta, buffer } = await app.source.ask("cam", photo, wanted, other, method);
    let at = 0;
    const sites = meta.sites.map((one) => {
      const numbers = new Float32Array(buffer, at, one.rows * one.columns);
      at += numbers.byteLength;
      return { ...one, plane: quantise(numbers, one.rows, one.columns, true) };
    });
    cams = { ...meta, sites };
    arrange();
    show();
  }

  /** A column for each module and step of the head, a row for each resolution. */
  function arrange() {
    const shown = cams.sites.filter(({ after }) => !after || after === app.state.after);
    buttons = shown.map(({ site, plane, note, column, row }) => {
      const text = range(plane.low, plane.high, 2);
      const button = make("button", {
        class: note ? "hv-silent" : "", "aria-label": `${site}: ${text}. ${note}`, onclick: () => app.set({ site }),
        "--hv-own": app.nodes.get(site).colour, "--hv-at": `${row + 2} / ${column + 1}`,
      }, paint(plane), make("span", {}, text));
      return [site, button];
    });
    const heads = cams.columns.map((words, k) => make("span", { "--hv-at": `1 / ${k + 1}` }, words));
    grid.replaceChildren(...heads, ...buttons.map(([, button]) => button));
  }

  function paint(plane) {
    const width = Math.round(THUMB * devicePixelRatio);
    const height = Math.round((width * app.photo.rows) / app.photo.columns);
    const canvas = make("canvas", { "aria-hidden": "true", width, height });
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    if (app.state.overlay) context.drawImage(app.photo.canvas, 0, 0, width, height);
    context.globalAlpha = app.state.overlay ? 0.6 : 1;
    context.drawImage(paintPlane(app.tables, make("canvas"), plane), 0, 0, width, height);
    return canvas;
  }

  function show() {
    const { site, plane, note } = cams.sites.find((one) => one.site === app.state.site) ?? cams.sites.at(-1);
    for (const [name, button] of buttons) button.setAttribute("aria-pressed", name === site);
    const { colour } = app.nodes.get(site);
    large.show({ plane, colour, title: `${site}: ${cams.target}`, detail: `${range(plane.low, plane.high)} ${note}` });
    words.textContent = cams.words;
  }

  return { node, draw };
}
