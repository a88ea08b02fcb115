// Light and dark. The first paint is decided by public/theme.js, by the same rule.
import { useSyncExternalStore } from 'react';

export type Theme = 'light' | 'dark' | 'system';
const STORED = 'spandrel.theme';
const listeners = new Set<() => void>();
const dark = () => matchMedia('(prefers-color-scheme: dark)');

export function chosenTheme(): Theme {
  try {
    const stored = localStorage.getItem(STORED);
    return stored === 'light' || stored === 'dark' ? stored : 'system';
  } catch {
    return 'system';
  }
}

function show(): void {
  const theme = chosenTheme();
  document.documentElement.classList.toggle('pf-v6-theme-dark', theme === 'dark' || (theme === 'system' && dark().matches));
}

export function chooseTheme(theme: Theme): void {
  try {
    if (theme === 'system') localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, theme);
  } catch {
    // Then the system's holds.
  }
  show();
  listeners.forEach((listener) => listener());
}

export function followSystemTheme(): void {
  dark().addEventListener('change', show);
  show();
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, chosenTheme);
}
