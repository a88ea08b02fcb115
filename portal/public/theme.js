// Before the first paint, so that a dark page never flashes white. The same rule is in src/shell/theme.ts.
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem('spandrel.theme'); } catch { /* storage is refused: follow the system */ }
  var dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.classList.toggle('pf-v6-theme-dark', dark);
})();
