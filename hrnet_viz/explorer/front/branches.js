// ---- Branches: the same depth of the net at all its resolutions ----

function createBranches(app) {
  const show = createSelect(app, "show");
  const row = make("div", { class: "hv-row" });
  const note = make("p", { class: "hv-note" }, "Each map covers the whole photo and has its own scale: units differ; ",
    "don\u2019t compare colours. The cross is at one place of the photo. Double click or Enter selects a site.");
  const node = make("div", {}, createControls(show), row, note);
  const lane = app.lane();
  const views = createViews(app, row, true);
  function draw(changed) {
    show.draw();
    if (has(changed, "photo", "site", "show", "channel")) lane(load);
    else views.draw();
  }
  async function load() {
    const alike = app.nodes.has(app.state.site) ? app.landmark().alike : [app.state.site];
    const all = await Promise.all(alike.map((site) => app.source.maps(app.state.photo, site)));
    views.show(all.map((maps) => ({ title: maps.site, colour: app.nodes.get(maps.site)?.colour, ...choose(maps) })));
  }
  function choose(maps) {
    const { channels, rows, columns, energy } = maps;
    const cells = `${rows} \u00d7 ${columns} cells`;
    if (app.state.show === "energy") {
      return { plane: quantise(maps.rms, rows, columns, false), detail: `${cells}, ${count(channels, "channel")}` };
    }
    const strongest = energy.indexOf(Math.max(...energy));
    const channel = app.state.show === "channel" ? Math.min(app.state.channel, channels - 1) : strongest;
    const plane = takePlane(maps, channel);
    return { plane, detail: `${cells}, channel ${channel}, ${range(plane.low, plane.high)}` };
  }
  return { node, draw };
}

/** A row of map views, as many as there are pictures; double click or Enter selects the site in the title. */
function createViews(app, row, wide) {
  const views = [];
  let titles = [];
  const choose = (place) => () => app.nodes.has(titles[place]) && app.set({ site: titles[place] });
  function show(pictures) {
    titles = pictures.map(({ title }) => title);
    while (views.length < pictures.length) views.push(createMapView(app, { wide, choose: choose(views.length) }));
    const nodes = views.slice(0, pictures.length).map((view) => view.node);
    if (row.children.length !== nodes.length) row.replaceChildren(...nodes);
    pictures.forEach((picture, place) => views[place].show(picture));
  }
  return { show, draw: () => titles.forEach((_, place) => views[place].draw()) };
}
