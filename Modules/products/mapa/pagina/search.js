/* Search by campo, lote or marcador, whatever the accents; and the list of campos. */
const MOST_FOUND = 40;
function searchable({ lotes, marcadores, campos }) {
  const all = [], add = (name, where, target) => all.push({ start: fold(name), text: fold(`${name} ${where}`), name, where, target });
  campos.forEach(([, name], campo) => add(name, 'campo', { campo }));
  for (const row of lotes.rows) add(lotes.nombre(row), `lote de ${campos[lotes.campo[row]][1]}`, { layer: 'lotes', row });
  marcadores.lote.forEach((lote, row) => add(marcadores.nombre(row), `marcador de ${campos[lotes.campo[lote]][1]} · ${lotes.nombre(lote)}`, { layer: 'marcadores', row }));
  return all;
}
/** Whatever has all the words; a name that begins with them comes first, then one that is one of them. */
function matches(all, query) {
  const asked = fold(query).trim(), words = asked.split(/\s+/), hits = all.filter(({ text }) => words.every((word) => text.includes(word)));
  const rank = ({ start }) => (start.startsWith(asked) ? 0 : words.includes(start) ? 1 : 2);
  return [0, 1, 2].flatMap((one) => hits.filter((hit) => rank(hit) === one));
}
function startSearch(page) {
  const query = byId('query'), found = byId('found');
  query.oninput = () => {
    found.hidden = !query.value.trim();
    if (found.hidden) return;
    page.searchable ||= searchable(page.state.night);
    const hits = matches(page.searchable, query.value), open = (target) => { found.hidden = true; byId('map').focus(); goTo(page, target); };
    const said = hits.length > MOST_FOUND ? `${number(hits.length)} en total: agregue palabras` : hits.length ? counted(hits.length, 'resultado', 'resultados') : 'Nada con esas palabras';
    const buttons = hits.slice(0, MOST_FOUND).map((one) => button(() => open(one.target), {}, named(one.name), element('small', {}, named(one.where))));
    found.replaceChildren(element('p', { role: 'status' }, said), ...buttons);
  };
  query.onkeydown = ({ key }) => { if (key === 'Enter') found.querySelector('button')?.click(); };
  byId('finder').onkeydown = ({ key }) => { if (key === 'Escape') { found.hidden = true; query.focus(); } };
}
function startCampos(page) {
  const select = byId('campo'), { campos } = page.state.night, option = (value, name) => element('option', { value }, name.slice(0, 80));
  select.append(option(-1, 'Todos los campos'), ...campos.map(([, name], at) => option(at, name)));
  select.hidden = campos.length < 2;
  select.onchange = () => goTo(page, { campo: Number(select.value) });
}
