// ---- CAM: what speaks for a class, at every branch of every module ----

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
  let cams, buttons;
  function draw(changed) {
    if (changed.has("photo")) target.offer([["", `the top class (${app.photo.best})`], ...classes]);
    controls.forEach((control) => control.draw());
    if (has(changed, "photo", "target", "contrast", "method")) lane(load);
    else if (cams) changed.has("after") ? arrange() : show();
  }
  async function load() {
    const { photo, target: wanted, contrast: other, method } = app.state;
    const { meta, buffer } = await app.source.ask("cam", photo, wanted, other, method);
    const read = ({ start, rows, columns }) =>
      quantise(new Float32Array(buffer, start, rows * columns), rows, columns, true);
    cams = { ...meta, sites: meta.sites.map((one) => ({ ...one, plane: read(one) })) };
    arrange();
  }
  /** A column for each module and step of the head, a row for each resolution. */
  function arrange() {
    const shown = cams.sites.filter(({ after }) => !after || after === app.state.after);
    buttons = shown.map(({ site, plane, note, column, row }) => {
      const text = range(plane.low, plane.high, 2);
      const button = make("button", {
        "aria-label": `${site}: ${text}. ${note}`, onclick: () => app.set({ site }),
        "--hv-own": app.nodes.get(site).colour, "--hv-at": `${row + 2} / ${column + 1}`,
      }, paintPlane(app.tables, make("canvas", { "aria-hidden": "true" }), plane), make("span", {}, text));
      return [site, button];
    });
    const heads = cams.columns.map((words, k) => make("span", { "--hv-at": `1 / ${k + 1}` }, words));
    grid.replaceChildren(...heads, ...buttons.map(([, button]) => button));
    show();
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
