'use strict';
/* The packed night as columns and shapes: see packing.py. World coordinates are Web Mercator, 0 to 1. */
/** One LZ4 block: pieces as they are, each followed by a copy of what came before. */
function unpack(source, length) {
  const out = new Uint8Array(length);
  let at = 8, end = 0;
  const size = (nibble) => {
    let sum = nibble, more = nibble === 15 ? 255 : 0;
    while (more === 255) sum += more = source[at++];
    return sum;
  };
  while (at < source.length) {
    const token = source[at++], plain = size(token >> 4);
    out.set(source.subarray(at, at += plain), end);
    end += plain;
    if (at >= source.length) break;
    const from = end - (source[at++] | source[at++] << 8);
    for (let i = 0, copied = size(token & 15) + 4; i < copied; i++) out[end++] = out[from + i];
  }
  return out;
}

function readNight() {
  const letters = atob(byId('data').textContent.trim()), source = new Uint8Array(letters.length);
  for (let i = 0; i < source.length; i++) source[i] = letters.charCodeAt(i);
  const head = new DataView(source.buffer), raw = unpack(source, head.getUint32(0, true)), texts = head.getUint32(4, true);
  const night = JSON.parse(new TextDecoder().decode(raw.subarray(0, texts))), { lotes } = night;
  const sections = wholeNumbers(raw.subarray(texts), night.enteros);
  const column = ({ t, c }) => (row) => t[sections[c][row]] || '';
  for (const layer of [lotes, night.siembras, night.ambientes, night.marcadores]) {
    for (const name of ['nombre', 'id', 'modificado', 'novedad']) if (layer[name]) layer[name] = column(layer[name]);
    for (const name of ['lote', 'campo', 'grupo']) if (name in layer) layer[name] = sections[layer[name]];
    if (layer.columnas) layer.columnas = layer.columnas.map((one) => [one.etiqueta, column(one)]);
    if (layer.formas) layer.shapes = shapes(layer.formas, sections);
  }
  lotes.center = lotes.centro.map((axis) => sections[axis]);
  lotes.rows = Array.from(lotes.campo.keys());
  for (const name of ['siembras', 'ambientes', 'marcadores']) {
    lotes[name] = lotes.rows.map(() => []);
    night[name].lote.forEach((lote, row) => lotes[name][lote].push(row));
  }
  const { marcadores } = night, [, state] = marcadores.columnas.find(([label]) => label === 'Estado');
  marcadores.open = (row) => marcadores.grupos[marcadores.grupo[row]][0] === 'Muestreo' && !['hecho', 'anulado'].includes(state(row));
  night.changed = new Set(night.cambios.map(([lote]) => lote));
  return night;
}
/** Sections of int32 out of four planes of bytes, zigzag and differences undone. */
function wholeNumbers(planes, lengths) {
  const total = planes.length / 4;
  let at = 0;
  return lengths.map((length) => {
    const section = new Int32Array(length);
    for (let i = 0, sum = 0; i < length; i++, at++) {
      const coded = planes[at] | planes[total + at] << 8 | planes[2 * total + at] << 16 | planes[3 * total + at] << 24;
      section[i] = sum = (sum + ((coded >>> 1) ^ -(coded & 1))) | 0;
    }
    return section;
  });
}
/** Where the rings of each geometry and the positions of each ring begin, world coordinates, and boxes (west, north, east, south). */
function shapes(spec, sections) {
  const rings = starts(sections[spec.anillos]), points = starts(sections[spec.vertices]), count = rings.length - 1;
  const x = new Float64Array(points[points.length - 1]), y = new Float64Array(x.length), boxes = new Float64Array(4 * count);
  for (let i = 0; i < x.length; i++) { x[i] = worldX(sections[spec.lon][i]); y[i] = worldY(sections[spec.lat][i]); }
  for (let row = 0; row < count; row++) {
    let west = Infinity, north = Infinity, east = -Infinity, south = -Infinity;
    for (let i = points[rings[row]]; i < points[rings[row + 1]]; i++) {
      west = Math.min(west, x[i]); east = Math.max(east, x[i]); north = Math.min(north, y[i]); south = Math.max(south, y[i]);
    }
    boxes.set([west, north, east, south], 4 * row);
  }
  return { count, rings, points, x, y, boxes };
}

function starts(counts) {
  const out = new Int32Array(counts.length + 1);
  counts.forEach((count, i) => { out[i + 1] = out[i] + count; });
  return out;
}

const worldX = (steps) => steps / 3.6e9 + 0.5;
const worldY = (steps) => 0.5 - Math.log(Math.tan(Math.PI / 4 + steps * Math.PI / 3.6e9)) / (2 * Math.PI);
const world = ({ lat, lng }) => [worldX(lng * 1e7), worldY(lat * 1e7)];
const toLatLng = (x, y) => [Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180 / Math.PI, x * 360 - 180];
