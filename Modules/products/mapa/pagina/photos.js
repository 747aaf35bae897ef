/* Photos of marks in the card: out of this file as far as it has them, else those that lie beside it. */
const photos = JSON.parse(byId('photos').textContent), PHOTOS_OF_LOTE = 12, cardWithoutPhotos = showCard;
showCard = (page, chosen, focus) => {
  cardWithoutPhotos(page, chosen, focus);
  const { night } = page.state, { layer, row } = chosen || {};
  const marks = layer === 'marcadores' ? [row] : layer === 'lotes' ? night.lotes.marcadores[row] : [];
  const found = marks.flatMap((mark) => (night.fotos[mark] || []).map((name) => [name, night.marcadores.nombre(mark)]));
  if (!found.length) return;
  const shown = layer === 'lotes' ? found.slice(0, PHOTOS_OF_LOTE) : found, more = found.length - shown.length;
  const rest = more ? element('p', { className: 'note' }, `Y ${counted(more, 'foto', 'fotos')} más, cada una en su marcador.`) : '';
  byId('card').querySelector('.story').before(element('div', { className: 'photos' }, ...shown.map(photo)), rest);
};
/** A small photo that opens the large one; where neither is at hand, it says so. */
function photo([name, mark]) {
  const href = `${photos.carpeta}/${name}`, mini = photos.minis[name];
  const image = element('img', { alt: `Foto de ${mark}`, src: mini ? `data:image/jpeg;base64,${mini}` : href });
  image.onerror = () => image.replaceWith('Foto: está en la carpeta de este mapa. ');
  return element('a', { href, target: '_blank', rel: 'noopener' }, image, named(mark));
}
