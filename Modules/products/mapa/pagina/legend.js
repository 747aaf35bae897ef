/* The legend says how much there is, of the campo that is chosen, and filters. And the changes, as a list that leads to the map. */
const MOST_CHANGES = 200;
/** How many of each group, and hectares or samples to be taken, of the campo that is chosen: [number, hectares]. */
function totals(state, layer) {
  const { lotes } = state.night, { lote, grupo, grupos, ha } = state.night[layer], found = grupos.map(() => [0, 0]);
  const add = (at, area) => { found[at][0]++; found[at][1] += area; };
  if (layer === 'siembras') lotes.rows.filter((row) => state.ofCampo(row)).forEach((row) => state.crops(row).forEach((crop) => add(crop, lotes.ha[row])));
  else lote.forEach((one, row) => { if (state.ofCampo(one)) add(grupo[row], ha ? ha[row] : Number(state.night.marcadores.open(row))); });
  return found;
}
function showLegend(page) {
  const { state } = page, { lotes, campos } = state.night, own = lotes.rows.filter((row) => state.ofCampo(row));
  const land = campos.reduce((sum, [, , ha], at) => sum + (state.campo < 0 || state.campo === at ? ha : 0), 0), twice = own.some((row) => lotes.siembras[row].length > 1);
  const note = (text) => element('p', { className: 'note' }, text);
  byId('legend').replaceChildren(...[
    element('p', { className: 'sum' }, `${counted(own.length, 'lote', 'lotes')} · ${hectares(land)}`),
    own.length ? null : note('Este campo no tiene lotes en esta campaña.'),
    state.view === 'cultivos' ? entries(page, 'Cultivos', 'cultivos', 'siembras') : null,
    state.view === 'cultivos' && twice ? note('Un lote con dos siembras cuenta en las dos y tiene el color de la última.') : null,
    state.view === 'ambientes' ? entries(page, 'Ambientes', 'ambientes') : null,
    state.view === 'cambios' ? element('p', {}, swatch(CHANGED), ' Cambió  ', swatch(PLAIN), ' Sigue igual') : null,
    state.view === 'cambios' && state.night.marcadores.lote.some((one, row) => state.ofCampo(one) && state.night.marcadores.novedad(row)) ? element('p', {}, element('span', { className: 'swatch ring' }), ' Marcador nuevo o cambiado') : null,
    state.view === 'cambios' && state.night.sin_senalar ? note(`Además, sin aro en todo el mapa: ${counted(state.night.sin_senalar, 'marcador', 'marcadores')}. La lista dice cuántos cambiaron en cada lote.`) : null,
    entries(page, 'Marcadores', 'marcadores'),
  ].filter(Boolean));
}
const swatch = (color) => element('span', { className: 'swatch', style: `background:${color}` });
function entries(page, title, name, layer = name) {
  const { off, night } = page.state, { grupos } = night[layer], sums = totals(page.state, layer);
  const rows = grupos.map(([label, color], at) => {
    const box = element('input', { type: 'checkbox', checked: !off[name].has(at) });
    box.onchange = () => { if (box.checked) off[name].delete(at); else off[name].add(at); page.drawing._update(); };
    const amount = name === 'marcadores' ? marksText(...sums[at]) : hectares(sums[at][1]);
    return element('label', { className: 'entry' }, box, swatch(color), element('span', { className: 'name' }, named(label)), element('span', { className: 'amount' }, amount));
  }).filter((_, at) => sums[at][0]);
  const wanted = off[name].size ? [] : grupos.keys(), word = off[name].size ? 'Todos' : 'Ninguno';
  const all = button(() => { off[name] = new Set(wanted); refresh(page); byId(`all-${name}`).focus(); }, { id: `all-${name}`, className: 'small', ariaLabel: `${word}: ${title}` }, word);
  return rows.length ? element('fieldset', {}, element('legend', {}, title), all, ...rows) : null;
}
function showChanges(page) {
  const { night, campo } = page.state;
  const rows = night.cambios.filter(([lote, at]) => campo < 0 || (lote >= 0 ? night.lotes.campo[lote] : at) === campo);
  const items = rows.slice(0, MOST_CHANGES).map(([lote, at, name, what, detail]) => {
    const said = [element('strong', {}, named(name)), ` ${what}${detail ? `: ${detail}` : ''}`], target = lote >= 0 ? { layer: 'lotes', row: lote } : { campo: at };
    return element('li', {}, lote >= 0 || at >= 0 ? button(() => { byId('map').focus(); goTo(page, target); }, {}, ...said) : element('p', {}, ...said));
  });
  const more = rows.length > MOST_CHANGES ? `y ${number(rows.length - MOST_CHANGES)} más` : rows.length ? '' : night.cambios.length ? 'Sin cambios en este campo.' : night.sin_cambios;
  byId('changes').replaceChildren(element('h2', {}, `Cambios de la noche del ${night.dia}`), ...(items.length ? [element('ul', {}, ...items)] : []), element('p', {}, more));
}
