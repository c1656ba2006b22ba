// The colormap editor: entities are painted, dragged and named; their colours are the palette's and
// follow their centres. Gradio runs this with `element`, `props`, `trigger` and `watch`.
// Every entity is a mask of props.width x props.height pixels; labels are what is seen of them, the
// smaller on top, as in unigs.colormap.Palette.
let width = props.width, height = props.height;
let entities = [], chosen = -1, tool = "paint", held = null;
const find = selector => element.querySelector(selector);

function visible() {
  const labels = new Uint8Array(width * height);
  const order = entities.map((_, index) => index).sort((a, b) => area(entities[b]) - area(entities[a]));
  for (const index of order) {
    const {mask, dx, dy} = entities[index];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const u = x - dx, v = y - dy;
        if (u >= 0 && v >= 0 && u < width && v < height && mask[v * width + u]) labels[y * width + x] = index + 1;
      }
    }
  }
  return labels;
}

function area(entity) {
  return entity.mask.reduce((sum, value) => sum + value, 0);
}

// The cell of each label's centre; larger entities choose first, a taken cell gives way to the nearest.
function colorsOf(labels) {
  const sums = entities.map(() => ({count: 0, x: 0, y: 0}));
  labels.forEach((label, place) => {
    if (!label) return;
    const sum = sums[label - 1];
    sum.count += 1;
    sum.x += place % width;
    sum.y += Math.floor(place / width);
  });
  const cell = (sum, side, axis) => (sum[axis] / sum.count + 0.5) * props.grid / side;
  const taken = new Set(), colors = entities.map(() => [0, 0, 0]);
  const order = sums.map((sum, index) => ({index, count: sum.count, x: cell(sum, width, "x"), y: cell(sum, height, "y")}))
    .filter(one => one.count).sort((a, b) => b.count - a.count || a.y - b.y || a.x - b.x);
  const home = one => Math.min(Math.floor(one.y), props.grid - 1) * props.grid + Math.min(Math.floor(one.x), props.grid - 1);
  const late = [];
  for (const one of order) {
    const place = home(one);
    colors[one.index] = props.colors[place];
    if (taken.has(place)) late.push(one);
    taken.add(place);
  }
  for (const one of late) {
    let best = -1, least = Infinity;
    for (let place = 0; place < props.grid ** 2; place++) {
      const away = (place % props.grid + 0.5 - one.x) ** 2 + (Math.floor(place / props.grid) + 0.5 - one.y) ** 2;
      if (!taken.has(place) && away < least) [best, least] = [place, away];
    }
    if (best < 0) break;
    colors[one.index] = props.colors[best];
    taken.add(best);
  }
  return colors;
}

function draw() {
  const canvas = find("canvas"), labels = visible(), colors = colorsOf(labels);
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const picture = new ImageData(width, height);
  labels.forEach((label, place) => {
    const [red, green, blue] = label ? colors[label - 1] : [0, 0, 0];
    picture.data.set([red, green, blue, 255], 4 * place);
  });
  canvas.getContext("2d").putImageData(picture, 0, 0);
  element.querySelectorAll(".swatch").forEach((swatch, index) => {
    swatch.style.background = `rgb(${colors[index].join(",")})`;
    swatch.setAttribute("aria-pressed", String(index === chosen));
  });
  element.querySelectorAll("[data-tool]").forEach(button =>
    button.setAttribute("aria-pressed", String(button.dataset.tool === tool)));
  return labels;
}

function list() {
  find(".entities").replaceChildren(...entities.map((entity, index) => {
    const item = document.createElement("li");
    const swatch = Object.assign(document.createElement("button"), {className: "swatch", type: "button"});
    swatch.setAttribute("aria-label", `choose entity ${index + 1}`);
    const name = Object.assign(document.createElement("input"), {value: entity.name, placeholder: "class"});
    name.setAttribute("aria-label", `class of entity ${index + 1}`);
    name.setAttribute("list", props.words);
    item.append(swatch, name);
    return item;
  }));
}

function changed() {
  entities.forEach(settle);
  const labels = draw();
  let text = "";
  labels.forEach(label => { text += String.fromCharCode(label); });
  trigger("input", {width, height, labels: btoa(text), names: entities.map(entity => entity.name)});
}

// What was dragged out of the picture is cut off.
function settle(entity) {
  if (!entity.dx && !entity.dy) return;
  const moved = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const u = x - entity.dx, v = y - entity.dy;
      if (u >= 0 && v >= 0 && u < width && v < height) moved[y * width + x] = entity.mask[v * width + u];
    }
  }
  Object.assign(entity, {mask: moved, dx: 0, dy: 0});
}

function choose(index) {
  chosen = index;
  draw();
}

function add() {
  entities.push({mask: new Uint8Array(width * height), dx: 0, dy: 0, name: ""});
  chosen = entities.length - 1;
  list();
}

function stamp([x, y], value) {
  const radius = find("input[type=range]").value / 200 * Math.max(width, height);
  const masks = value ? [entities[chosen].mask] : entities.map(entity => entity.mask);
  for (let v = Math.max(0, Math.floor(y - radius)); v <= Math.min(height - 1, y + radius); v++) {
    for (let u = Math.max(0, Math.floor(x - radius)); u <= Math.min(width - 1, x + radius); u++) {
      if (Math.hypot(u - x, v - y) <= radius) masks.forEach(mask => { mask[v * width + u] = value; });
    }
  }
}

function pointed(event) {
  const box = find("canvas").getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.height * height].map(Math.floor);
}

function stroke(event) {
  const [x, y] = pointed(event), [a, b] = held.last, steps = Math.max(1, Math.abs(x - a), Math.abs(y - b));
  for (let step = 0; step <= steps; step++) {
    stamp([a + (x - a) * step / steps, b + (y - b) * step / steps], tool === "paint" ? 1 : 0);
  }
  held.last = [x, y];
}

function remove() {
  if (chosen < 0) return;
  entities.splice(chosen, 1);
  chosen = -1;
  list();
  changed();
}

element.addEventListener("pointerdown", event => {
  if (event.target !== find("canvas")) return;
  event.target.setPointerCapture(event.pointerId);
  held = {from: pointed(event), last: pointed(event)};
  if (tool === "move") {
    const [x, y] = held.from;
    choose(visible()[y * width + x] - 1);
    return;
  }
  if (tool === "paint" && chosen < 0 && entities.length < props.most) add();
  if (tool === "paint" && chosen < 0) return;
  stroke(event);
  draw();
});
element.addEventListener("pointermove", event => {
  if (!held || event.target !== find("canvas")) return;
  if (tool === "move" && chosen >= 0) {
    const [x, y] = pointed(event);
    Object.assign(entities[chosen], {dx: x - held.from[0], dy: y - held.from[1]});
  } else if (tool !== "move" && (tool === "erase" || chosen >= 0)) stroke(event);
  draw();
});
element.addEventListener("pointerup", () => {
  if (held) changed();
  held = null;
});
element.addEventListener("click", event => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.tool) tool = button.dataset.tool;
  if (button.dataset.act === "new") chosen = -1;
  if (button.dataset.act === "delete") return remove();
  const swatches = [...element.querySelectorAll(".swatch")];
  if (swatches.includes(button)) chosen = swatches.indexOf(button);
  draw();
});
element.addEventListener("change", event => {
  const fields = [...element.querySelectorAll(".entities input")];
  if (!fields.includes(event.target)) return;
  event.stopPropagation();
  entities[fields.indexOf(event.target)].name = event.target.value;
  changed();
});
element.addEventListener("keydown", event => {
  const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
  if (event.target !== find("canvas") || chosen < 0) return;
  if (event.key === "Delete") remove();
  if (!step) return;
  event.preventDefault();
  [entities[chosen].dx, entities[chosen].dy] = step;
  changed();
});

// What Python loads: a colormap taken apart, or nothing.
watch("value", () => {
  const given = props.value;
  if (!given) return;
  [width, height] = [given.width, given.height];
  const labels = Uint8Array.from(atob(given.labels), letter => letter.charCodeAt(0));
  entities = given.names.map((name, index) => ({mask: labels.map(label => Number(label === index + 1)), dx: 0, dy: 0, name}));
  chosen = -1;
  list();
  draw();
});
draw();
