/* Texts as people of Argentina read them, and elements whose text is never markup. */
function number(value, decimals = 0) {
  const [whole, rest] = Math.abs(value).toFixed(decimals).split('.');
  return `${value < 0 ? '−' : ''}${whole.replace(/\B(?=(\d{3})+$)/g, '.')}${rest ? `,${rest}` : ''}`;
}
const hectares = (value) => (value === null ? '' : `${number(value, 2)} ha`);
const counted = (value, one, many) => `${number(value)} ${value === 1 ? one : many}`;
/** How many marks, and how many of them are samples still to be taken. */
const marksText = (many, open) => number(many) + (open ? ` (${number(open)}\u00a0por\u00a0hacer)` : '');
/** "lote 2", and "Lote 5" where the name says it. */
const loteText = (name) => (/^lote /i.test(name) ? name : `lote ${name}`);
/** As a search compares it: no accents, ñ as n, no capitals. */
const fold = (text) => (/[^ -~]/.test(text) ? text.normalize('NFD').replace(/[\u0300-\u036f]/g, '') : text).toLowerCase();
/** A text in which no line ends between a number and its unit. */
const unbroken = (text) => text.replace(/(\d) (?=(%|ha|m|km|cm)(?![\p{L}\d]))/gu, '$1\u00a0');
/** An element; strings among its children become text, and only text. */
function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null).map((child) => (typeof child === 'string' ? unbroken(child) : child)));
  return made;
}
const button = (onclick, properties, ...children) => element('button', { type: 'button', onclick, ...properties }, ...children);
const named = (text) => element('bdi', {}, text);
const byId = (id) => document.getElementById(id);
