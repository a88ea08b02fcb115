// What Node and browsers have without an import, as far as plain JavaScript here uses it.
export default Object.fromEntries(
  ['console', 'process', 'URL', 'document', 'localStorage', 'matchMedia'].map((name) => [name, 'readonly']),
);
