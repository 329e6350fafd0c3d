// ---- Maps: all channels of a site as a grid, one of them large ----

const TALLEST = 470; // px of the grid before it scrolls
const SETTLE = 120; // ms without a step of the slider until the exact numbers of a map are asked for

/** Channels from the first to the last in an order; equal ones by their numbers. */
function rankChannels(maps, sort) {
  const by = { mean: maps.mean, max: maps.high, energy: maps.energy }[sort];
  return [...maps.low.keys()].sort((a, b) => (by ? by[b] - by[a] : 0) || a - b);
}

/** How many maps stand in a row, so that they become as large as the room allows. */
function arrangeGrid(number, width, ratio) {
  const gap = number > 300 ? 2 : 6;
  for (let across = 3; ; across++) {
    const wide = Math.min(Math.floor((width + gap) / across) - gap, 150);
    const tall = Math.round(wide * ratio);
    const label = wide >= 40 ? 16 : 0;
    const height = Math.ceil(number / across) * (tall + label + gap) - gap;
    const corner = (place) => [(place % across) * (wide + gap), Math.floor(place / across) * (tall + label + gap)];
    if (height <= TALLEST || wide < 14) return { across, wide, tall, label, gap, height, corner };
  }
}

function createMaps(app) {
  const slider = createSlider(app, "channel", "Channel", {}, (place) => order[place]);
  const field = createCheck(app, "field", "receptive field");
  const controls = [createSelect(app, "sort"), createSelect(app, "scale"), field];
  const grid = make("canvas", { class: "hv-grid", role: "img", onclick: pick });
  const labels = make("div", { class: "hv-labels", "aria-hidden": "true" });
  const mark = make("div", { class: "hv-mark" });
  const scroll = createRoom("All channels", grid, labels, mark);
  const words = make("figcaption");
  const large = createMapView(app, { wide: true });
  const node = make("div", {}, createControls(slider, ...controls),
    make("div", { class: "hv-split" }, make("figure", {}, scroll, words), large.node));
  const lane = app.lane();
  const exactLane = createLane(app.say);
  let maps, places, plane, fields, width, settling;
  let order = [];
  app.atEnd(() => clearTimeout(settling));
  app.watchSize(scroll, (now) => (width = now) && maps && drawGrid());
  function draw(changed) {
    controls.forEach((control) => control.draw());
    if (has(changed, "photo", "site", "field")) lane(load);
    else if (maps) has(changed, "sort", "scale") ? arrange() : show();
  }
  async function load() {
    const { photo, site } = app.state;
    const fresh = await app.source.maps(photo, site);
    fields = app.state.field ? (await app.source.ask("field", photo, site)).meta : null;
    [maps, plane] = [fresh, null];
    if (maps.unfinite) app.say(`${site} holds ${count(maps.unfinite, "value")} that are not finite.`);
    arrange();
  }
  function arrange() {
    order = rankChannels(maps, app.state.sort);
    const shared = findLimits(Math.min(...maps.low), Math.max(...maps.high), maps.signed);
    const own = Array.from(maps.low, (low, k) => findLimits(low, maps.high[k], maps.signed));
    maps.limits = app.state.scale === "site" ? own.map(() => shared) : own;
    maps.ends = own.map(([, end]) => (end ? `${maps.signed ? "\u00b1" : ""}${short(end, 2)}` : "dead"));
    maps.atlas = createAtlas(app.tables, maps, maps.limits);
    maps.total = maps.energy.reduce((sum, value) => sum + value, 0) || 1;
    width ? drawGrid() : show();
  }
  function drawGrid() {
    places = arrangeGrid(maps.channels, width, maps.rows / maps.columns);
    const { across, wide, tall, label, gap, height, corner } = places;
    const at = (place) => [corner(place)[0], corner(place)[1] + label];
    const all = Math.min(across, maps.channels) * (wide + gap) - gap;
    Object.assign(grid, { width: Math.round(all * devicePixelRatio), height: Math.round(height * devicePixelRatio) });
    grid.style.width = `${all}px`;
    const context = grid.getContext("2d");
    context.scale(devicePixelRatio, devicePixelRatio);
    context.imageSmoothingEnabled = wide < maps.columns;
    const { canvas, corner: from } = maps.atlas;
    const size = [maps.columns, maps.rows];
    order.forEach((channel, place) => context.drawImage(canvas, ...from(channel), ...size, ...at(place), wide, tall));
    labels.replaceChildren(...(label ? order.map(writeLabel) : []));
    const end = label ? ", the number above it is the end" : "";
    const zero = maps.signed ? "near white is 0" : "dark is 0";
    words.textContent = `${count(maps.channels, "channel")} of ${maps.rows} \u00d7 ${maps.columns} cells. `
      + (app.state.scale === "map" ? `Each map has its own scale (${zero}${end}): don\u2019t compare colours.`
        : `All maps share one scale, ${range(...maps.limits[0])} (${zero}): colours can be compared.`);
    grid.setAttribute("aria-label", `${count(maps.channels, "map")} of ${maps.site}. ${words.textContent}`);
    Object.assign(mark.style, { width: `${wide}px`, height: `${tall + label}px` });
    show();
  }
  function writeLabel(channel, place) {
    const [left, top] = places.corner(place).map((at) => `${at}px`);
    const text = make("span", {}, make("strong", {}, channel), places.wide > 50 ? maps.ends[channel] : "");
    Object.assign(text.style, { left, top, width: `${places.wide}px` });
    return text;
  }
  function show() {
    const { site, channels, rows, columns, low, high, atlas, limits } = maps;
    const channel = clamp(app.state.channel, 0, channels - 1);
    const place = order.indexOf(channel);
    if (plane?.channel !== channel) plane = { ...takePlane(maps, channel), channel };
    const ranked = app.state.sort === "index" ? "" : `, number ${place + 1} in this order`;
    slider.draw(place, `${channel} of ${channels}${ranked}`, channels - 1);
    const share = short((100 * maps.energy[channel]) / maps.total);
    large.show({
      plane, limits: limits[channel], atlas: atlas.canvas, corner: atlas.corner(channel), field: fields,
      title: `${site}, channel ${channel}`,
      detail: `${range(low[channel], high[channel])}, mean ${short(maps.mean[channel])}, ${share} % of the energy`,
      tell: (row, column) => `${tellValue(plane, row * columns + column)} at row ${row} of ${rows}, `
        + `column ${column} of ${columns}; photo pixel ${app.photo.where(app.spot()).join(", ")}`,
    });
    if (places) follow(...places.corner(place));
    if (!plane.numbers) fetchNumbers(app.state.photo, site, channel);
  }
  /** Mark the chosen map in the grid and keep it in sight. */
  function follow(x, y) {
    mark.style.transform = `translate(${x}px, ${y}px)`;
    if (places.height <= TALLEST) return;
    if (y < scroll.scrollTop || y + places.tall > scroll.scrollTop + TALLEST) scroll.scrollTop = y - TALLEST / 3;
  }
  /** Get the exact numbers once the slider rests; until then the value says how far off it may be. */
  function fetchNumbers(photo, site, channel) {
    clearTimeout(settling);
    settling = setTimeout(() => exactLane(async () => {
      const numbers = await app.source.channel(photo, site, channel);
      if (!numbers || maps.site !== site || plane?.channel !== channel) return;
      plane.numbers = numbers;
      large.draw();
    }), SETTLE);
  }
  function pick({ offsetX, offsetY }) {
    const { across, wide, tall, label, gap } = places;
    const channel = order[Math.floor(offsetY / (tall + label + gap)) * across + Math.floor(offsetX / (wide + gap))];
    if (channel !== undefined) app.set({ channel });
  }
  return { node, draw };
}
