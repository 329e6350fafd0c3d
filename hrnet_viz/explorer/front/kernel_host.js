// ---- host: a kernel behind an anywidget model; questions and answers are custom messages ----

const REST = 60; // ms that choices are collected before the kernel hears of them

function createKernelHost(model) {
  const waiting = new Map(); // number of a question -> [resolve, reject, timer]
  const mine = new Map(); // choices that the model will hear of; until then an echo of older ones must not undo them
  let asked = 0;
  let timer;
  function hear({ answer, meta, error }, [data]) {
    const [resolve, reject, late] = waiting.get(answer) ?? [];
    waiting.delete(answer);
    clearTimeout(late);
    if (error) reject?.(new Error(error));
    // A copy of its own starts where floats may start.
    else resolve?.({ meta, buffer: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) });
  }
  function ask(question, bytes) {
    return new Promise((resolve, reject) => {
      const number = ++asked;
      waiting.set(number, [resolve, reject, setTimeout(() => host.tell?.(SILENT), 10_000)]);
      // A kernel that was started anew is done with a question at once and does not answer it.
      const check = () => waiting.has(number) && lose();
      const status = ({ content }) => content.execution_state === "idle" && setTimeout(check, 1000);
      try { model.send({ ask: number, question }, { iopub: { status } }, bytes ? [bytes] : []); } catch { lose(); }
    });
  }
  function lose() {
    host.tell?.(GONE, false);
    for (const [, reject, late] of waiting.values()) reject(new Error(GONE), clearTimeout(late));
    waiting.clear();
  }
  const get = (key) => mine.get(key) ?? model.get(key);
  function send() {
    timer = null;
    for (const [key, value] of mine) model.set(key, value);
    mine.clear();
    model.save_changes();
  }
  model.on("msg:custom", hear);
  model.on("comm_live_update", lose); // as soon as a kernel is restarted
  const host = {
    live: true,
    ask,
    get,
    set(key, value) {
      mine.set(key, value);
      timer ||= setTimeout(send, REST);
    },
    subscribe(heard) {
      model.on("change", heard);
      return () => model.off("change", heard);
    },
    close: () => [model.off("msg:custom", hear), model.off("comm_live_update", lose)],
  };
  return host;
}

function render({ model, el }) {
  const host = createKernelHost(model);
  const end = mount(el, host);
  return () => end(host.close());
}
