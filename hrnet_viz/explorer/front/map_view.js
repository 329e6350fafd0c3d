// ---- one map with a scale, a place, a zoom and a value; several of them move together ----

const WAYS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** The part of the photo that is in view, in shares of its sides: as much as the zoom leaves, around the place. */
function findView({ zoom, place }, { rows, columns }) {
  const start = (share) => clamp(share - 0.5 / zoom, 0, 1 - 1 / zoom);
  return { top: start((place[0] + 0.5) / rows), left: start((place[1] + 0.5) / columns), side: 1 / zoom };
}

/** Row and column of the cell that holds a place of the picture. */
const findCell = (plane, [row, column], photo) => [
  clamp(Math.floor((row * plane.rows) / photo.rows), 0, plane.rows - 1),
  clamp(Math.floor((column * plane.columns) / photo.columns), 0, plane.columns - 1),
];

function createMapView(app, { wide = false, choose = () => {} } = {}) {
  const canvas = make("canvas", {
    class: "hv-map", tabindex: 0, role: "application", "aria-roledescription": "map", onkeydown: step,
    onmousemove: (event) => app.hover(locate(event)), onmouseleave: () => app.hover(null),
    onclick: (event) => app.set({ place: locate(event) }), ondblclick: choose,
  });
  const own = make("canvas");
  const [title, detail, value] = ["strong", "span", "strong"].map((tag) => make(tag));
  const bar = createBar(app);
  const words = make("figcaption", {}, title, detail, value);
  const node = make("figure", { class: "hv-view" }, canvas, ...(wide ? [bar.node] : []), words);
  let shown, width;
  app.watchSize(canvas, (now) => draw((width = now)));
  function locate({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    const { top, left, side } = findView(app.state, app.photo);
    const at = (share, start, all) => clamp(Math.floor((start + share * side) * all), 0, all - 1);
    const [down, across] = [(clientY - box.top) / box.height, (clientX - box.left) / box.width];
    return [at(down, top, app.photo.rows), at(across, left, app.photo.columns)];
  }
  function step(event) {
    if (event.key === "Enter") choose();
    const way = WAYS[event.key];
    if (!way || !shown) return;
    event.preventDefault();
    const cells = [shown.plane.rows, shown.plane.columns];
    const sizes = [app.photo.rows, app.photo.columns];
    const next = findCell(shown.plane, app.state.place, app.photo).map((at, k) => clamp(at + way[k], 0, cells[k] - 1));
    app.set({ place: next.map((at, k) => Math.floor(((at + 0.5) * sizes[k]) / cells[k])) });
  }
  /** Show a map; it is coloured only if it, or its scale, is another one than before. */
  function show(picture) {
    const { plane, limits = plane.limits, atlas, colour = "transparent" } = picture;
    const same = shown?.plane === plane && String(shown.limits) === String(limits);
    if (!atlas && !same) paintPlane(app.tables, own, plane, limits);
    shown = { ...picture, limits };
    title.textContent = picture.title;
    detail.textContent = picture.detail ?? range(plane.low, plane.high);
    node.style.setProperty("--hv-own", colour);
    bar.show(limits, plane.signed);
    draw();
  }
  function draw() {
    if (!shown || !width) return;
    const { plane, atlas, corner = [0, 0], field, tell } = shown;
    const { rows, columns, canvas: photo } = app.photo;
    const [broad, high] = [width, (width * rows) / columns].map((side) => Math.round(side * devicePixelRatio));
    if (canvas.width !== broad || canvas.height !== high) Object.assign(canvas, { width: broad, height: high });
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    const { top, left, side } = findView(app.state, app.photo);
    const copy = (from, [x, y], across, down) =>
      context.drawImage(from, x + left * across, y + top * down, side * across, side * down, 0, 0, broad, high);
    if (app.state.overlay) copy(photo, [0, 0], columns, rows);
    context.globalAlpha = app.state.overlay ? 0.6 : 1;
    copy(atlas ?? own, corner, plane.columns, plane.rows);
    context.globalAlpha = 1;
    const across = (column) => ((column / columns - left) / side) * broad;
    const down = (row) => ((row / rows - top) / side) * high;
    const [row, column] = findCell(plane, app.spot(), app.photo);
    drawCross(context, across(app.spot()[1] + 0.5), down(app.spot()[0] + 0.5));
    if (field) {
      const [[tops, bottoms], [lefts, rights]] = [field.rows, field.columns];
      drawField(context, across(lefts[column]), down(tops[row]), across(rights[column] + 1), down(bottoms[row] + 1));
    }
    value.textContent = tell ? tell(row, column) : tellValue(plane, row * plane.columns + column);
    if (app.hovered) return;
    const place = `row ${row}, column ${column}: ${value.textContent}`;
    canvas.setAttribute("aria-label", `${shown.title}, ${range(plane.low, plane.high)}; ${place}`);
  }
  return { node, show, draw };
}

/** A cross with a gap, so that the cell that is meant stays free; thin bars of the opposite colour. */
function drawCross(context, x, y) {
  const { width, height } = context.canvas;
  const [thin, gap] = [devicePixelRatio, 5 * devicePixelRatio];
  context.globalCompositeOperation = "difference";
  context.fillStyle = "#fff";
  for (const [from, to] of [[0, x - gap], [x + gap, width]]) context.fillRect(from, y - thin / 2, to - from, thin);
  for (const [from, to] of [[0, y - gap], [y + gap, height]]) context.fillRect(x - thin / 2, from, thin, to - from);
  context.globalCompositeOperation = "source-over";
}

/** What a cell sees: a dark rectangle with a light core, which can be seen on any colour. */
function drawField(context, left, top, right, bottom) {
  for (const [colour, width] of [["rgba(0, 0, 0, 0.75)", 4], ["#fff", 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width * devicePixelRatio;
    context.strokeRect(left, top, right - left, bottom - top);
  }
}
