// Before the first paint: what was chosen here, or what the system says.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem('carrier.theme');
  } catch {
    // Storage may be forbidden; then the system says.
  }
  const dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
